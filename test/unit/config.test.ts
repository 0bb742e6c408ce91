import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Environment, parseConfig } from '../../src/config.ts';
import { SyncError } from '../../src/errors.ts';

const LEAST = { DATABASE_URL: 'embedded', INTERCOM_ACCESS_TOKEN: 'a-token' };
const parse = (env: Environment) => parseConfig(env, { intercom: true });

function problemsOf(env: Environment): string[] {
  try {
    parse(env);
  } catch (error) {
    expect(error).toBeInstanceOf(SyncError);
    expect(error).toMatchObject({ kind: 'settings', exitCode: 2 });
    return (error as SyncError).message.split('\n');
  }
  return [];
}

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'secret'), text);
  return join(folder, 'secret');
}

test('the settings that nobody made are those of the contract', () => {
  const { workspaces, ...rest } = parse(LEAST);
  expect(rest).toEqual({
    databaseUrl: 'embedded',
    syncDirectory: '.intercom-sync',
    logLevel: 'info',
    overlapMinutes: 10,
    fullEveryDays: 7,
    massDeleteLimit: 0.1,
    leaseSeconds: 30,
    retentionDays: 90,
    worker: {
      httpHost: '127.0.0.1',
      httpPort: 8080,
      webhookUrl: null,
      schedules: [
        {
          workspace: 'default',
          incremental: { expression: '0 * * * *', timeZone: 'UTC' },
          full: { expression: '0 3 * * 0', timeZone: 'UTC' },
        },
      ],
    },
  });
  expect(workspaces).toEqual([
    {
      name: 'default',
      accessToken: 'a-token',
      baseUrl: new URL('https://api.intercom.io'),
      apiVersion: '1.4',
      perPage: 50,
      rateShare: 0.8,
      requestTimeoutMs: 90_000,
      scrollRestartWaitMs: 65_000,
    },
  ]);
});

test('an empty or blank variable counts as unset', () => {
  const blank = { INTERCOM_PER_PAGE: '', LOG_LEVEL: '  ', INTERCOM_WORKSPACES: '' };
  expect(parse({ ...LEAST, ...blank })).toEqual(parse(LEAST));
  expect(problemsOf({ DATABASE_URL: '', INTERCOM_ACCESS_TOKEN: ' ' })).toHaveLength(2);
});

test('the settings are frozen, the list of workspaces and each of them too', () => {
  const config = parse(LEAST);
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.workspaces)).toBe(true);
  expect(Object.isFrozen(config.workspaces[0])).toBe(true);
});

test('a command that does not speak to Intercom needs no token', () => {
  expect(parseConfig({ DATABASE_URL: 'embedded' }, { intercom: false }).workspaces).toEqual([]);
});

describe('every problem', () => {
  const wrong: Record<string, string> = {
    DATABASE_URL: 'mysql://root:SECRET-1@db/x',
    INTERCOM_ACCESS_TOKEN: 'SECRET-2 in two words',
    INTERCOM_BASE_URL: 'http://SECRET-3.example.com',
    INTERCOM_API_VERSION: 'SECRET-4',
    INTERCOM_PER_PAGE: 'SECRET-5',
    INTERCOM_RATE_SHARE: 'SECRET-6',
    INTERCOM_REQUEST_TIMEOUT_MS: 'SECRET-7',
    INTERCOM_SCROLL_RESTART_WAIT_MS: 'SECRET-8',
    SYNC_OVERLAP_MINUTES: 'SECRET-9',
    SYNC_FULL_EVERY_DAYS: 'SECRET-10',
    SYNC_MASS_DELETE_LIMIT: 'SECRET-11',
    SYNC_LEASE_SECONDS: 'SECRET-12',
    SYNC_RETENTION_DAYS: 'SECRET-13',
    LOG_LEVEL: 'SECRET-14',
    HTTP_HOST: 'SECRET-15 or so',
    HTTP_PORT: 'SECRET-16',
    SYNC_WEBHOOK_URL: 'http://SECRET-17.example.com',
    SYNC_SCHEDULE: 'SECRET-18',
    SYNC_FULL_SCHEDULE: 'SECRET-19',
    SYNC_TIMEZONE: 'SECRET-20',
  };

  test('is told at once, by the name of its variable and never with a value', () => {
    const problems = problemsOf(wrong);
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual(
      Object.keys(wrong).sort(),
    );
    expect(problems.join()).not.toContain('SECRET');
  });

  test('with a name of a workspace is told without that name, which may be a token', () => {
    for (const names of ['SECRET-token', 'acme,Secret', 'acme,', 'a b', ',']) {
      const problems = problemsOf({ ...LEAST, INTERCOM_WORKSPACES: names });
      expect(problems.join().toUpperCase()).not.toContain('SECRET');
      expect(problems.filter((problem) => problem.startsWith('INTERCOM_WORKSPACES'))).toHaveLength(
        1,
      );
    }
  });

  test.each([
    ['INTERCOM_PER_PAGE', ['1', '50', '60'], ['0', '61', '-1', '5.5', '1e1', 'ten']],
    ['INTERCOM_RATE_SHARE', ['0.01', '0.8', '1', '1.0'], ['0', '1.1', '-0.5', '80%']],
    ['SYNC_MASS_DELETE_LIMIT', ['0', '0.5', '1'], ['2', '-1', '10%']],
    ['SYNC_FULL_EVERY_DAYS', ['0', '7'], ['-1', '1.5', '366']],
    ['INTERCOM_API_VERSION', ['1.0', '1.4', '2.16'], ['one', '1.4; x', '1']],
  ])('of %s is found, and only those', (name, right, bad) => {
    for (const value of right) expect(problemsOf({ ...LEAST, [name]: value })).toEqual([]);
    for (const value of bad) expect(problemsOf({ ...LEAST, [name]: value })).toHaveLength(1);
  });
});

describe('a secret', () => {
  test('may come from a file, and loses the line end', () => {
    const config = parse({
      DATABASE_URL_FILE: fileWith('postgres://u:p@db/x\n'),
      INTERCOM_ACCESS_TOKEN_FILE: fileWith('from-file\n'),
    });
    expect(config.databaseUrl).toBe('postgres://u:p@db/x');
    expect(config.workspaces[0]?.accessToken).toBe('from-file');
  });

  test('that is set twice, or whose file is missing or empty, is a problem', () => {
    const file = fileWith('SECRET');
    expect(problemsOf({ ...LEAST, INTERCOM_ACCESS_TOKEN_FILE: file })).toEqual([
      'INTERCOM_ACCESS_TOKEN and INTERCOM_ACCESS_TOKEN_FILE are both set: keep one',
    ]);
    const { INTERCOM_ACCESS_TOKEN: _, ...database } = LEAST;
    for (const path of [`${file}-missing`, fileWith('\n')]) {
      const problems = problemsOf({ ...database, INTERCOM_ACCESS_TOKEN_FILE: path });
      expect(problems.join()).toContain('INTERCOM_ACCESS_TOKEN');
      expect(problems.join()).not.toContain(path);
    }
  });
});

describe('INTERCOM_WORKSPACES', () => {
  test('gives each its own token, and its own settings before the shared ones', () => {
    const { workspaces } = parse({
      DATABASE_URL: 'embedded',
      INTERCOM_WORKSPACES: 'acme, beta_2',
      INTERCOM_ACCESS_TOKEN__ACME: 'token-a',
      INTERCOM_ACCESS_TOKEN__BETA_2_FILE: fileWith('token-b'),
      INTERCOM_PER_PAGE: '20',
      INTERCOM_PER_PAGE__BETA_2: '30',
      INTERCOM_BASE_URL__ACME: 'https://api.eu.intercom.io',
    });
    expect(workspaces).toMatchObject([
      { name: 'acme', accessToken: 'token-a', perPage: 20 },
      { name: 'beta_2', accessToken: 'token-b', perPage: 30 },
    ]);
    expect(workspaces.map(({ baseUrl }) => baseUrl.host)).toEqual([
      'api.eu.intercom.io',
      'api.intercom.io',
    ]);
  });

  test.each([
    ['a name twice', 'acme,beta,acme'],
    ['a name whose token would be read from the token file of another', 'acme,acme_file'],
  ])('refuses %s', (_, names) => {
    const problems = problemsOf({ ...LEAST, INTERCOM_WORKSPACES: names });
    expect(problems.join()).toContain('INTERCOM_WORKSPACES must be names that differ');
  });

  test('never shares a token', () => {
    expect(problemsOf({ ...LEAST, INTERCOM_WORKSPACES: 'acme' }).join()).toContain(
      'INTERCOM_ACCESS_TOKEN__ACME is missing',
    );
  });
});

test.each([
  ['https://api.au.intercom.io', true],
  ['https://example.com/proxy/intercom', true],
  ['http://localhost:4010', true],
  ['http://127.0.0.1:4010', true],
  ['http://127.8.9.1', true],
  ['http://[::1]:4010', true],
  ['http://api.intercom.io', false],
  ['http://127.0.0.1.example.com', false],
  ['http://localhost.example.com', false],
  ['http://192.0.2.7', false],
  ['https://user:pw@api.intercom.io', false],
  ['https://api.intercom.io/?x=1', false],
  ['https://api.intercom.io/#x', false],
  ['ftp://localhost', false],
  ['api.intercom.io', false],
])('INTERCOM_BASE_URL may be %s: %s', (url, isFine) => {
  expect(problemsOf({ ...LEAST, INTERCOM_BASE_URL: url })).toHaveLength(isFine ? 0 : 1);
});
