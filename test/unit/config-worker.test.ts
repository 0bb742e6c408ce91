import { expect, test } from 'vitest';
import { type Environment, parseConfig } from '../../src/config.ts';
import { SyncError } from '../../src/errors.ts';

const LEAST = { DATABASE_URL: 'embedded', INTERCOM_ACCESS_TOKEN: 'a-token' };
const parse = (env: Environment) => parseConfig({ ...LEAST, ...env }, { intercom: true }).worker;

function problemsOf(env: Environment): string[] {
  try {
    parse(env);
  } catch (error) {
    return error instanceof SyncError ? error.message.split('\n') : [String(error)];
  }
  return [];
}

test.each([
  ['SYNC_SCHEDULE', ['*/15 * * * *', '30 4 * * 1-5', '@daily', '0 9 * * MON']],
  ['SYNC_FULL_SCHEDULE', ['0 3 * * 6', '@weekly', '0 0 29 2 *']],
  ['SYNC_TIMEZONE', ['Europe/Berlin', 'America/New_York', 'UTC']],
  ['HTTP_HOST', ['0.0.0.0', '::', 'localhost']],
  ['HTTP_PORT', ['0', '8080', '65535']],
  ['SYNC_WEBHOOK_URL', ['https://hooks.example.com/a?b=c', 'http://127.0.0.1:9000/x']],
])('%s may be what is right', (name, values) => {
  for (const value of values) expect(problemsOf({ [name]: value })).toEqual([]);
});

test.each([
  // Seconds, one field short, out of range, never, a name of nothing, and another minute each time.
  [
    'SYNC_SCHEDULE',
    ['0 0 * * * *', '0 * * *', '60 * * * *', '0 0 30 2 *', '@sometimes', 'H * * * *'],
  ],
  ['SYNC_FULL_SCHEDULE', ['weekly', 'FREQ=WEEKLY']],
  ['SYNC_TIMEZONE', ['Europe/Nowhere', 'Berlin', '+25:00']],
  ['HTTP_HOST', ['two words', 'a/b']],
  ['HTTP_PORT', ['65536', '-1', 'http']],
  [
    'SYNC_WEBHOOK_URL',
    ['http://hooks.example.com', 'https://user:pw@hooks.example.com', 'ftp://localhost', 'hooks'],
  ],
])('%s that is wrong is told by its name alone', (name, values) => {
  for (const value of values) {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name} must be`));
    expect(problems[0]?.split(' such as')[0]).not.toContain(value);
  }
});

test('a workspace has its own schedule and zone, or those of all', () => {
  const { schedules } = parse({
    INTERCOM_WORKSPACES: 'acme,beta',
    INTERCOM_ACCESS_TOKEN__ACME: 'a',
    INTERCOM_ACCESS_TOKEN__BETA: 'b',
    SYNC_SCHEDULE: '*/10 * * * *',
    SYNC_SCHEDULE__ACME: '5 * * * *',
    SYNC_FULL_SCHEDULE__BETA: '0 1 * * *',
    SYNC_TIMEZONE__BETA: 'Asia/Tokyo',
  });
  expect(schedules).toEqual([
    {
      workspace: 'acme',
      incremental: { expression: '5 * * * *', timeZone: 'UTC' },
      full: { expression: '0 3 * * 0', timeZone: 'UTC' },
    },
    {
      workspace: 'beta',
      incremental: { expression: '*/10 * * * *', timeZone: 'Asia/Tokyo' },
      full: { expression: '0 1 * * *', timeZone: 'Asia/Tokyo' },
    },
  ]);
});

test('what all workspaces share and is wrong is told once, what one has is told by its own name', () => {
  const workspaces = {
    INTERCOM_WORKSPACES: 'acme,beta',
    INTERCOM_ACCESS_TOKEN__ACME: 'a',
    INTERCOM_ACCESS_TOKEN__BETA: 'b',
  };
  expect(problemsOf({ ...workspaces, SYNC_SCHEDULE: 'x' })).toHaveLength(1);
  expect(problemsOf({ ...workspaces, SYNC_SCHEDULE__BETA: 'x' })).toEqual([
    expect.stringMatching(/^SYNC_SCHEDULE__BETA must be/),
  ]);
});

test('schedules are known to a command that needs no token', () => {
  const config = parseConfig({ DATABASE_URL: 'embedded' }, { intercom: false });
  expect(config.worker.schedules.map(({ workspace }) => workspace)).toEqual(['default']);
});
