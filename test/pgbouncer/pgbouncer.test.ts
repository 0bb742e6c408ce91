import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { Environment } from '../../src/config.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  HELD_REQUEST_MAX_MS,
  holdRequest,
  isListPage,
  PATIENCE,
  startInTest,
  waitsForLock,
} from '../support/programs.ts';
import {
  compareWithSource,
  EQUAL,
  environmentFor,
  type FinishedProgram,
  rowsOf,
  TOKEN,
} from '../support/sync.ts';
import { type PgBouncer, SERVER_CONNECTIONS, startPgBouncer } from './pgbouncer.ts';

const USERS = 300;

let bouncer: PgBouncer;
let database: TestDatabase;
let simulator: Simulator;
beforeAll(async () => {
  bouncer = await startPgBouncer(inject('testDatabaseUrl'));
});
afterAll(() => bouncer?.close());
beforeEach(async () => {
  database = await createEmptyDatabase();
  // Past its limit the list is refused, so that a full run scrolls too.
  simulator = await startSimulator({ users: USERS, token: TOKEN, faults: { limitRows: 200 } });
  return async () => {
    await simulator.close();
    await database.drop();
  };
});

const url = () => bouncer.through(database.url);
const start = (args: readonly string[], more: Environment = {}) => {
  const env = { INTERCOM_REQUEST_TIMEOUT_MS: HELD_REQUEST_MAX_MS, ...more };
  return startInTest(args, environmentFor(simulator.url, url(), env));
};
const reportOf = ({ code, stdout }: FinishedProgram) => ({
  code,
  ...JSON.parse(stdout.trim().split('\n').at(-1) ?? ''),
});
const sync = async (...flags: string[]) =>
  reportOf(await start(['sync', '--json', ...flags]).finished);

test('it pools transactions: a session variable of one client is met by another', async () => {
  const [one, two] = [
    new pg.Client({ connectionString: url() }),
    new pg.Client({ connectionString: url() }),
  ];
  await one.connect();
  await two.connect();
  await one.query(`set work_mem = '12345kB'`);
  expect((await two.query('show work_mem')).rows).toEqual([{ work_mem: '12345kB' }]);
  await one.end();
  await two.end();
});

test('migrations, a full run with its scroll, an incremental run, and every other command', async () => {
  expect(await start(['migrate']).finished).toMatchObject({ code: 0 });
  expect(await sync()).toMatchObject({ code: 0, mode: 'full', limit_reached: true, inserted: 300 });
  const changed = simulator.workspace.users().slice(0, 3);
  for (const { id } of changed) simulator.workspace.update(String(id), { name: 'Changed' });
  simulator.workspace.create();
  expect(await sync()).toMatchObject({ code: 0, mode: 'incremental', inserted: 1, updated: 3 });
  expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
  for (const args of [['check'], ['status'], ['query', 'select 1'], ['sync', '--dry-run']]) {
    expect(await start(args).finished).toMatchObject({ code: 0 });
  }
});

test('a page is refused once the fence has moved on, and nothing of it is written', async () => {
  const page = holdRequest(simulator, isListPage(3));
  const run = start(['sync', '--json']);
  await page.came;
  const landed = 'select count(*)::int as pages from intercom.sync_checkpoints';
  await expect.poll(() => rowsOf(database.url, landed), PATIENCE).toEqual([{ pages: 2 }]);
  await rowsOf(
    database.url,
    `update intercom.sync_leases set owner = 'elsewhere:1', fence = fence + 1,
       expires_at = clock_timestamp() + interval '1 hour'`,
  );
  page.letGo();
  expect(reportOf(await run.finished)).toMatchObject({ code: 6, error_kind: 'busy', pages: 2 });
  const written = 'select count(*)::int as users from intercom.users';
  expect(await rowsOf(database.url, written)).toEqual([{ users: 100 }]);
});

test('kill -9 inside a transaction: what it had begun is undone, and the next run goes on', async () => {
  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  const page = holdRequest(simulator, isListPage(3));
  const killed = start(['sync'], { SYNC_LEASE_SECONDS: '3' });
  await page.came;
  await blocker.query('begin; lock table intercom.users in share row exclusive mode');
  page.letGo();
  await waitsForLock(database.url, 'intercom-sync');
  killed.kill('SIGKILL');
  await killed.finished;
  await blocker.end();
  expect(await sync()).toMatchObject({ code: 0, status: 'succeeded' });
  expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
});

test('its connections hold no advisory lock while a lease is held, and no setting of ours after it', async () => {
  const page = holdRequest(simulator, isListPage(3));
  const run = start(['sync', '--json']);
  await page.came;
  const held = 'select count(*)::int as leases from intercom.sync_leases where expires_at > now()';
  expect(await rowsOf(database.url, held)).toEqual([{ leases: 1 }]);
  const locks = `select locktype from pg_locks where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())`;
  expect(await rowsOf(database.url, locks)).toEqual([]);
  page.letGo();
  expect((await run.finished).code).toBe(0);
  expect(await pooledSettings()).toEqual(Array.from({ length: SERVER_CONNECTIONS }, () => []));
});

/** What each server connection has been set to, and kept. PgBouncer itself keeps the name. */
async function pooledSettings(): Promise<string[][]> {
  const clients = Array.from(
    { length: SERVER_CONNECTIONS },
    () => new pg.Client({ connectionString: url() }),
  );
  const changed = `select name from pg_settings
    where setting is distinct from reset_val and source = 'session' and name <> 'application_name'`;
  const found: string[][] = [];
  for (const client of clients) {
    await client.connect();
    // Open transactions, so that each has a server connection of its own.
    await client.query('begin');
    found.push((await client.query<{ name: string }>(changed)).rows.map(({ name }) => name));
  }
  for (const client of clients) await client.end();
  return found;
}

test('what it refuses is told as its own, with what to look at', async () => {
  const wrong = new URL(url());
  wrong.password = 'wrong';
  const { code, error_message, error_kind } = reportOf(
    await startInTest(['sync', '--json'], environmentFor(simulator.url, wrong.href)).finished,
  );
  expect({ code, error_kind }).toEqual({ code: 5, error_kind: 'database' });
  expect(error_message).toContain('the pooler before the database');
});

test('a machine without it is told what to install', async () => {
  await expect(startPgBouncer(inject('testDatabaseUrl'), '/nowhere')).rejects.toThrow(
    'install the package pgbouncer',
  );
});
