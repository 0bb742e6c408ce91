import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  compareWithSource,
  EQUAL,
  environmentFor,
  rowsOf,
  syncHere,
  TOKEN,
} from '../support/sync.ts';

let database: TestDatabase;
let simulator: Simulator;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await rowsOf(
    database.url,
    'truncate intercom.users, intercom.workspaces, intercom.sync_runs cascade',
  );
  simulator = await startSimulator({ users: 400, token: TOKEN });
  return () => simulator.close();
});

const sync = (request = {}, more = {}) =>
  syncHere(environmentFor(simulator.url, database.url, more), request);

/** The name of each row's version and what it holds: a row that is written again has another. */
const versions = () =>
  rowsOf(database.url, 'select id, xmin::text, ctid::text from intercom.users order by id');

describe('a second run over users that did not change', () => {
  test.each(['full', 'incremental'] as const)(
    '%s: reports all unchanged and touches no row of users',
    async (mode) => {
      await sync();
      const before = await versions();
      const { json } = await sync({ mode });
      expect(json).toMatchObject({
        status: 'succeeded',
        mode,
        inserted: 0,
        updated: 0,
        rejected: 0,
        deleted: 0,
      });
      expect(await versions()).toEqual(before);
    },
  );
});

test('a run over a few changes updates those rows, and no others', async () => {
  await sync();
  const changed = simulator.workspace
    .users()
    .slice(0, 3)
    .map(({ id }) => String(id));
  for (const id of changed) simulator.workspace.update(id, { name: 'Changed' });
  const { json } = await sync({ mode: 'full' });
  // What changed during the overlap is seen by the list, and seen again by the pass over updates.
  expect(json).toMatchObject({ inserted: 0, updated: 3 });
  expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
});

test('a dry run tells what a run would do, and writes nothing', async () => {
  const { json } = await sync({ isDryRun: true });
  expect(json).toMatchObject({ status: 'succeeded', run_id: null, inserted: 400, mode: 'full' });
  expect(await rowsOf(database.url, 'select count(*)::int as n from intercom.users')).toEqual([
    { n: 0 },
  ]);
  expect(await rowsOf(database.url, 'select count(*)::int as n from intercom.sync_runs')).toEqual([
    { n: 0 },
  ]);
});

test('a dry run over more users than the limit warns, and opens no scroll', async () => {
  const large = await startSimulator({ users: 10_001, token: TOKEN });
  try {
    const { json, events } = await syncHere(environmentFor(large.url, database.url), {
      isDryRun: true,
    });
    expect(json).toMatchObject({ status: 'succeeded', limit_reached: true, run_id: null });
    expect(events.filter(({ event }) => event === 'users_limit_reached')).toHaveLength(1);
    expect(large.requests.filter(({ path }) => path === '/users/scroll')).toEqual([]);
  } finally {
    await large.close();
  }
});

test('--email refreshes the users with that address alone, and moves no watermark', async () => {
  await sync();
  const [before] = await rowsOf(database.url, 'select watermark from intercom.workspaces');
  const user = simulator.workspace.users().find(({ email }) => typeof email === 'string');
  const email = String(user?.email);
  simulator.workspace.update(String(user?.id), { name: 'Changed' });
  const { json, output } = await sync({ lookup: { by: 'email', value: email } });
  expect(json).toMatchObject({ status: 'succeeded', mode: 'lookup', updated: 1 });
  expect(output).not.toContain(email);
  expect(await rowsOf(database.url, 'select watermark from intercom.workspaces')).toEqual([before]);
  expect(
    await rowsOf(database.url, "select next from intercom.sync_checkpoints where pass = 'lookup'"),
  ).toEqual([{ next: null }]);
});

test('a token of another app is refused with exit code 2, and nothing is written', async () => {
  await sync();
  const other = await startSimulator({ users: 10, token: TOKEN, appId: 'other', seed: 2 });
  try {
    const { report } = await syncHere(environmentFor(other.url, database.url));
    expect(report.error).toMatchObject({ kind: 'settings', exitCode: 2 });
    expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
  } finally {
    await other.close();
  }
});
