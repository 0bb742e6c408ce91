import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';
import { holdRequest, isListPage, startInTest } from '../support/programs.ts';
import { compareWithSource, EQUAL, environmentFor, runProgram, TOKEN } from '../support/sync.ts';

let database: TestDatabase;
let simulator: Simulator;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  simulator = await startSimulator({ users: 120, token: TOKEN });
  return () => simulator.close();
});

const env = (more: Record<string, string | undefined> = {}) =>
  environmentFor(simulator.url, database.url, more);
const lastLine = (text: string) => JSON.parse(text.trim().split('\n').at(-1) ?? '');

const KEYS = [
  'workspace',
  'run_id',
  'mode',
  'status',
  'limit_reached',
  'pages',
  'users_read',
  'inserted',
  'updated',
  'unchanged',
  'duplicates',
  'rejected',
  'deleted',
  'duration_ms',
  'error_kind',
  'error_message',
];

test('sync creates the schema, reads everybody, prints one JSON object and exits 0', async () => {
  const { code, stdout, stderr } = await runProgram(['sync', '--json'], env());
  expect(stderr).not.toContain('"level":50');
  expect(code).toBe(0);
  const report = lastLine(stdout);
  expect(Object.keys(report)).toEqual(KEYS);
  expect(report).toMatchObject({ workspace: 'default', status: 'succeeded', inserted: 120 });
  expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
  for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
});

test('a run goes on to its end though nobody reads its output any more', async () => {
  const page = holdRequest(simulator, isListPage(2));
  const program = startInTest(['sync', '--json', '--mode', 'full'], env());
  await page.came;
  program.stopReading();
  page.letGo();
  expect((await program.finished).code).toBe(0);
  expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
});

describe('exit codes', () => {
  test('2 for settings: every variable that is wrong is named, no value is', async () => {
    const { code, stdout, stderr } = await runProgram(['sync', '--json'], {
      DATABASE_URL: 'mysql://secret-host/x',
      INTERCOM_PER_PAGE: 'sixty-one',
      INTERCOM_RATE_SHARE: '7',
    });
    expect(code).toBe(2);
    const report = lastLine(stdout);
    expect(report).toMatchObject({ status: 'failed', error_kind: 'settings', run_id: null });
    for (const name of [
      'DATABASE_URL',
      'INTERCOM_ACCESS_TOKEN',
      'INTERCOM_PER_PAGE',
      'INTERCOM_RATE_SHARE',
    ]) {
      expect(report.error_message).toContain(name);
    }
    for (const value of ['secret-host', 'sixty-one']) expect(stdout + stderr).not.toContain(value);
  });

  test('2 for an unknown command and for an unknown flag', async () => {
    expect((await runProgram(['sinc'], env())).code).toBe(2);
    expect((await runProgram(['sync', '--fulll'], env())).code).toBe(2);
  });

  test('2 without DATABASE_URL, and the choice is named', async () => {
    const { code, stderr } = await runProgram(['sync'], env({ DATABASE_URL: undefined }));
    expect(code).toBe(2);
    expect(stderr).toMatch(/DATABASE_URL.*postgres:\/\/.*embedded/s);
  });

  test('2 when the API version is refused, and what to do is said', async () => {
    const { code, stderr } = await runProgram(['sync'], env({ INTERCOM_API_VERSION: '2.11' }));
    expect(code).toBe(2);
    expect(stderr).toContain('INTERCOM_API_VERSION');
  });

  test('3 for a wrong token, after one request', async () => {
    const { code, stdout } = await runProgram(
      ['sync', '--json'],
      env({ INTERCOM_ACCESS_TOKEN: 'wrong' }),
    );
    expect(code).toBe(3);
    expect(lastLine(stdout)).toMatchObject({ status: 'failed', error_kind: 'credentials' });
    expect(simulator.requests).toHaveLength(1);
  });

  test('4 when nobody listens at the base URL', async () => {
    const port = new URL(simulator.url).port;
    await simulator.close();
    const { code, stderr } = await runProgram(
      ['check'],
      env({ INTERCOM_BASE_URL: `http://127.0.0.1:${port}` }),
    );
    expect(code).toBe(4);
    expect(stderr).toBe('');
  });

  test('5 when there is no database, and when its password is wrong', async () => {
    const nowhere = await runProgram(
      ['sync', '--json'],
      env({ DATABASE_URL: 'postgres://u:planted-pass@127.0.0.1:1/x' }),
    );
    expect(nowhere.code).toBe(5);
    expect(lastLine(nowhere.stdout)).toMatchObject({ error_kind: 'database' });
    const url = new URL(database.url);
    url.password = 'planted-pass';
    url.username = 'nobody-here';
    const refused = await runProgram(['sync'], env({ DATABASE_URL: url.href }));
    expect(refused.code).toBe(5);
    for (const { stdout, stderr } of [nowhere, refused])
      expect(stdout + stderr).not.toContain('planted-pass');
  });
});

test('no token, address or name of a user is in any output, whatever goes wrong', async () => {
  const planted = {
    email: 'planted.address@example.com',
    name: 'Planted Name',
    phone: '+1 555 0100',
  };
  const { id } = simulator.workspace.create({
    ...planted,
    custom_attributes: { note: 'Planted Note' },
  });
  const token = 'planted-token-1234567890';
  const outputs = [
    await runProgram(['sync'], env({ LOG_LEVEL: 'trace' })),
    await runProgram(['sync', '--json', '--email', planted.email], env({ LOG_LEVEL: 'trace' })),
    await runProgram(['sync', '--phone', planted.phone, '--dry-run'], env({ LOG_LEVEL: 'trace' })),
    await runProgram(['sync'], env({ INTERCOM_ACCESS_TOKEN: token })),
    await runProgram(['check'], env({ INTERCOM_ACCESS_TOKEN: token })),
    await runProgram(['status'], env()),
  ];
  simulator.faults.rules.push({
    answer: 'status500',
    match: { path: '/users', query: { email: planted.email } },
  });
  outputs.push(await runProgram(['sync', '--email', planted.email], env({ LOG_LEVEL: 'trace' })));
  for (const { stdout, stderr } of outputs) {
    for (const secret of [
      ...Object.values(planted),
      'Planted Note',
      token,
      TOKEN,
      String(id),
      encodeURIComponent(planted.email),
    ]) {
      expect(stdout + stderr).not.toContain(secret);
    }
  }
});

test('every command explains itself with --help and exits 0', async () => {
  const overview = await runProgram(['--help'], {});
  expect(overview.code).toBe(0);
  for (const command of ['sync', 'check', 'migrate', 'status', 'query', 'demo', 'simulator']) {
    expect(overview.stdout).toContain(command);
    expect((await runProgram([command, '--help'], {})).code).toBe(0);
  }
});

test('a flag that no command knows exits 2 and prints nothing on stdout', async () => {
  for (const command of [
    ['sync'],
    ['worker'],
    ['check'],
    ['migrate'],
    ['status'],
    ['rejects', 'list'],
    ['rejects', 'replay'],
    ['query', 'select 1'],
    ['demo'],
    ['simulator'],
  ]) {
    const { code, stdout } = await runProgram([...command, '--no-such-flag'], env());
    expect({ command, code, stdout }).toEqual({ command, code: 2, stdout: '' });
  }
});

test('sync --json prints its object for a command line that is wrong, too', async () => {
  for (const flags of [['--mode', 'sideways'], ['--per-page', '61'], ['--no-such-flag']]) {
    const { code, stdout } = await runProgram(['sync', ...flags, '--json'], env());
    expect(code).toBe(2);
    expect(Object.keys(lastLine(stdout))).toEqual(KEYS);
    expect(lastLine(stdout)).toMatchObject({ status: 'failed', error_kind: 'settings' });
  }
  expect((await runProgram(['sync', '--help', '--json'], env())).stdout).toContain('Usage');
});

test('an address or a number that is empty exits 2 and asks for nobody', async () => {
  for (const flag of ['--email', '--phone']) {
    expect((await runProgram(['sync', flag, ''], env())).code).toBe(2);
  }
  expect(simulator.requests).toEqual([]);
});

test('check proves each setting in a line, and exits 0 when all is well', async () => {
  const { code, stdout } = await runProgram(['check'], env());
  expect(code).toBe(0);
  for (const what of ['settings', 'token', 'API version', 'database', 'migrations', 'app'])
    expect(stdout).toContain(`ok    ${what}`);
});

test('check says of a database that is away that it fails, and nothing else of it', async () => {
  const { code, stdout } = await runProgram(
    ['check'],
    env({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/x' }),
  );
  expect(code).toBe(5);
  expect(stdout).toMatch(/^FAIL {2}database: /m);
  expect(stdout).not.toMatch(/ok {4}database|migrations/);
});

test('check tells a token of another app by name of the workspace, and exits 2', async () => {
  await runProgram(['sync'], env());
  const other = await startSimulator({ users: 3, token: TOKEN, appId: 'another', seed: 2 });
  try {
    const { code, stdout } = await runProgram(['check'], env({ INTERCOM_BASE_URL: other.url }));
    expect(code).toBe(2);
    expect(stdout).toMatch(/^FAIL {2}app: the workspace default holds the users of another/m);
  } finally {
    await other.close();
  }
});

test('query answers as a table, cannot write, and takes one statement', async () => {
  await runProgram(['sync'], env());
  const count = () => runProgram(['query', 'select count(*) as users from intercom.users'], env());
  const before = await count();
  expect(before).toMatchObject({ code: 0, stdout: expect.stringMatching(/^users\n-+\n\s*\d+\n$/) });
  for (const sql of [
    'delete from intercom.users',
    'select 1; delete from intercom.users',
    'selec 1',
  ]) {
    expect((await runProgram(['query', sql], env())).code).toBe(2);
  }
  expect((await count()).stdout).toBe(before.stdout);
});
