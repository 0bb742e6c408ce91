import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  compareWithSource,
  EQUAL,
  environmentFor,
  rowsOf,
  runProgram,
  syncHere,
  TOKEN,
} from '../support/sync.ts';

let database: TestDatabase;
let simulator: Simulator;
beforeEach(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ users: 60, token: TOKEN });
});
afterEach(async () => {
  await simulator.close();
  await database.drop();
});

const env = () => environmentFor(simulator.url, database.url);
const rows = (sql: string) => rowsOf(database.url, sql);
const rejects = (...args: string[]) =>
  runProgram(['rejects', ...args], { DATABASE_URL: database.url });
const listed = async () => JSON.parse((await rejects('list', '--json')).stdout).rejects;

/** An index of somebody's own, which two users with one address do not fit. */
async function setOneAside(): Promise<{ first: string; second: string }> {
  const [first, second] = simulator.workspace.users().map((user) => String(user.id));
  for (const id of [first, second]) {
    simulator.workspace.update(String(id), { email: 'shared@example.com' });
  }
  await rows(
    "create unique index own on intercom.users (email) where email = 'shared@example.com'",
  );
  await syncHere(env());
  expect(await listed()).toHaveLength(1);
  return { first: String(first), second: String(second) };
}

describe('rejects list', () => {
  test('says that nobody is set aside', async () => {
    await syncHere(env());
    expect(await rejects('list')).toMatchObject({ code: 0, stdout: 'No user is set aside.\n' });
    expect(await listed()).toEqual([]);
  });

  test('names who is set aside and why, and nothing that the user is', async () => {
    const { first, second } = await setOneAside();
    const { code, stdout } = await rejects('list');
    expect(code).toBe(0);
    expect(stdout).toContain('sqlstate 23505');
    expect(stdout).not.toContain('shared@example.com');
    expect(await listed()).toEqual([
      {
        id: '1',
        workspace: 'default',
        user_id: expect.toBeOneOf([first, second]),
        run_id: '1',
        reason: 'sqlstate 23505',
        first_seen_at: expect.any(String),
        last_seen_at: expect.any(String),
      },
    ]);
  });

  test('is of one workspace when asked to', async () => {
    await setOneAside();
    expect(await rejects('list', '--workspace', 'other')).toMatchObject({
      code: 0,
      stdout: 'No user is set aside.\n',
    });
  });
});

describe('rejects replay', () => {
  test('stores who fits now, as it came', async () => {
    await setOneAside();
    expect(await rejects('replay')).toMatchObject({
      code: 0,
      stdout: 'workspace default: 0 of 1 users are stored now\n',
    });
    await rows('drop index intercom.own');
    const { code, stdout } = await rejects('replay', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      workspaces: [{ workspace: 'default', tried: 1, stored: 1 }],
    });
    expect(await listed()).toEqual([]);
    expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
  });

  test('leaves a row that is newer than what was set aside', async () => {
    await setOneAside();
    const [reject] = await listed();
    await rows('drop index intercom.own');
    // A newer copy, stored by somebody who did not resolve the reject.
    await rowsOf(
      database.url,
      `insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at)
       select workspace, user_id, 'users',
         payload::jsonb || jsonb_build_object('name', 'newer', 'updated_at', (payload::jsonb->>'updated_at')::bigint + 1),
         now(), now()
       from intercom.rejected_users`,
    );
    await rejects('replay');
    expect(await listed()).toEqual([]);
    expect(
      await rowsOf(database.url, 'select name from intercom.users where id = $1', [reject.user_id]),
    ).toEqual([{ name: 'newer' }]);
  });

  test('leaves a user without an id where it is', async () => {
    simulator.workspace.create({ id: '' });
    await syncHere(env());
    expect((await rejects('replay')).stdout).toBe(
      'workspace default: 0 of 1 users are stored now\n',
    );
    expect(await listed()).toHaveLength(1);
  });

  test('does not write into a workspace that a run holds', async () => {
    await setOneAside();
    await rows(
      `update intercom.sync_leases set owner = 'elsewhere:7', expires_at = clock_timestamp() + '1 second'`,
    );
    const renewing = setInterval(
      () => rows(`update intercom.sync_leases set expires_at = clock_timestamp() + '1 second'`),
      200,
    );
    const { code, stderr } = await rejects('replay');
    clearInterval(renewing);
    expect(code).toBe(6);
    expect(stderr).toContain('elsewhere:7');
  });

  test('says what a wrong word is', async () => {
    expect((await rejects('replace')).code).toBe(2);
    expect((await rejects()).code).toBe(2);
  });
});

test('a schema newer than the program is written by no replay and read by no dry run', async () => {
  await setOneAside();
  await rows(
    "insert into drizzle.__drizzle_migrations (hash, created_at) values ('of a later version', 99999999999999)",
  );
  const replay = await rejects('replay', '--json');
  const preview = await runProgram(['sync', '--dry-run'], env());
  expect([replay.code, replay.stdout, preview.code]).toEqual([5, '', 5]);
});
