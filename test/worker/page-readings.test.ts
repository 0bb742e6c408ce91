import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { readHistory } from '../../src/postgres/history.ts';
import { readOverview } from '../../src/postgres/overview.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { withClient } from '../support/postgres-client.ts';
import { environmentFor, rowsOf, syncHere, TOKEN } from '../support/sync.ts';
import { seedLease, seedReject, seedRuns } from './seeded.ts';

let own: TestDatabase;
let database: Database;
beforeAll(async () => {
  own = await createTestDatabase();
  database = openDatabase(own.url);
});
afterAll(async () => {
  await database.close();
  await own.drop();
});
beforeEach(async () => {
  await rowsOf(
    own.url,
    'truncate intercom.users, intercom.workspaces, intercom.sync_runs, intercom.sync_leases, intercom.rejected_users cascade',
  );
});

const glance = async (workspace = 'default') =>
  (await readOverview(database, [workspace])).workspaces.get(workspace);

describe('the overview', () => {
  test('has a row for a workspace that nobody ever read', async () => {
    expect(await glance()).toEqual({
      workspace: 'default',
      lastSuccessAt: null,
      completeUntil: null,
      openRejects: 0,
      userCount: null,
      newest: null,
      lastEnded: null,
      progress: null,
    });
  });

  test('says of real runs what they reported', async () => {
    const simulator = await startSimulator({ users: 130, token: TOKEN });
    try {
      const { report } = await syncHere(environmentFor(simulator.url, own.url));
      const seen = await glance();
      expect(seen).toMatchObject({
        userCount: 130,
        progress: null,
        newest: { id: report.runId, status: 'succeeded', mode: 'full', inserted: 130 },
        lastEnded: { id: report.runId },
        lastSuccessAt: expect.any(Date),
        completeUntil: expect.any(Date),
      });
      const history = await readHistory(database, 'default');
      expect(history.runs).toMatchObject([{ id: report.runId, users: report.counts.users }]);
      expect(history.userCounts).toEqual([{ at: expect.any(Date), users: 130 }]);
    } finally {
      await simulator.close();
    }
  });

  test('keeps workspaces apart', async () => {
    await seedRuns(own.url, [{ workspace: 'acme', status: 'failed', errorKind: 'source' }]);
    await seedRuns(own.url, [{ workspace: 'beta', totalCount: 7 }]);
    await seedReject(own.url, 'sqlstate 22P05', '{}', 'acme');
    const { workspaces } = await readOverview(database, ['acme', 'beta']);
    expect(workspaces.get('acme')).toMatchObject({
      openRejects: 1,
      lastSuccessAt: null,
      lastEnded: { status: 'failed' },
    });
    expect(workspaces.get('beta')).toMatchObject({ openRejects: 0, userCount: 7 });
  });

  test('shows the run that is on, with what it has done so far', async () => {
    await seedRuns(own.url, [{}, { mode: 'full', status: 'running', inserted: 3, pages: 2 }]);
    await seedLease(own.url);
    expect(await glance()).toMatchObject({
      newest: { status: 'running' },
      lastEnded: { status: 'succeeded' },
      progress: {
        pass: 'list',
        pages: 2,
        users: 3,
        inserted: 3,
        passUsers: 3,
        totalCount: 1_000,
        lastPageAt: expect.any(Date),
      },
    });
  });

  test('shows a run that has not written a page', async () => {
    await seedRuns(own.url, [{ status: 'running', pages: 0 }]);
    await seedLease(own.url);
    expect((await glance())?.progress).toMatchObject({ pass: null, pages: 0, users: 0 });
  });

  test('shows no progress of a run whose lease is gone', async () => {
    await seedRuns(own.url, [{ status: 'running' }]);
    expect(await glance()).toMatchObject({ newest: { status: 'running' }, progress: null });
  });

  test('counts what the runs before it have read of the same list', async () => {
    const [dead] = await seedRuns(own.url, [{ mode: 'full', status: 'abandoned', inserted: 40 }]);
    await seedRuns(own.url, [
      { mode: 'full', status: 'running', inserted: 2, resumedFrom: dead ?? null },
    ]);
    await seedLease(own.url);
    expect((await glance())?.progress).toMatchObject({ users: 2, passUsers: 42, pages: 1 });
  });

  test('counts a scroll by the list before it', async () => {
    await seedRuns(own.url, [{ mode: 'full', status: 'running', inserted: 2, totalCount: 12_000 }]);
    await seedLease(own.url);
    await rowsOf(
      own.url,
      `insert into intercom.sync_checkpoints (run_id, sequence, pass, users, seen_ids, committed_at)
       select id, 2, 'scroll', 100, '{}', now() from intercom.sync_runs`,
    );
    expect((await glance())?.progress).toMatchObject({
      pass: 'scroll',
      passUsers: 100,
      totalCount: 12_000,
    });
  });

  test('leaves lookups out', async () => {
    await seedRuns(own.url, [
      {},
      { mode: 'lookup', status: 'failed', errorKind: 'source', pass: 'lookup' },
    ]);
    expect(await glance()).toMatchObject({
      newest: { status: 'succeeded' },
      lastEnded: { status: 'succeeded' },
    });
  });

  test('takes no run for a success that moved no watermark', async () => {
    await seedRuns(own.url, [{}]);
    await rowsOf(own.url, 'update intercom.sync_runs set watermark = null');
    expect((await glance())?.lastSuccessAt).toBeNull();
  });
});

describe('the history', () => {
  test('has few enough counts to draw, the newest among them, oldest first', async () => {
    const runs = Array.from({ length: 150 }, (_, at) => ({
      startedAgoMs: (150 - at) * 60_000,
      tookMs: 1_000,
      totalCount: at,
    }));
    await seedRuns(own.url, runs);
    const users = (await readHistory(database, 'default')).userCounts.map((one) => one.users);
    expect(users.length).toBeLessThanOrEqual(60);
    expect(users.length).toBeGreaterThan(40);
    expect(users.at(-1)).toBe(149);
    expect(users).toEqual(users.toSorted((a, b) => a - b));
  });

  test('does not take a count of some users for one of all', async () => {
    await seedRuns(own.url, [{ pass: 'created', totalCount: 3 }]);
    expect((await readHistory(database, 'default')).userCounts).toEqual([]);
    expect((await glance())?.userCount).toBeNull();
  });

  test('says why users are set aside, the most frequent reason first, and not what is in them', async () => {
    await seedReject(own.url, 'id: must be a non-empty string', '{"name":"Ada"}');
    await seedReject(own.url, 'sqlstate 22P05', '{"name":"Bob"}');
    await seedReject(own.url, 'sqlstate 22P05', '{"name":"Cy"}');
    await seedReject(own.url, 'sqlstate 22003', '{"name":"Di"}');
    await rowsOf(
      own.url,
      `update intercom.rejected_users set resolved_at = now() where reason = 'sqlstate 22003'`,
    );
    const { rejectReasons } = await readHistory(database, 'default');
    expect(rejectReasons).toEqual([
      { reason: 'sqlstate 22P05', users: 2 },
      { reason: 'id: must be a non-empty string', users: 1 },
    ]);
  });
});

describe('who looks', () => {
  test('asks nothing of the table of users', async () => {
    await seedRuns(own.url, [{ rejected: 1 }, { status: 'running' }]);
    await seedLease(own.url);
    await withClient(own.url, async (client) => {
      await client.query('begin; lock table intercom.users in access exclusive mode');
      expect(await glance()).toMatchObject({ userCount: 1_000 });
      expect((await readHistory(database, 'default')).runs).toHaveLength(2);
    });
  });

  test('gives up on a table that somebody keeps locked', async () => {
    await withClient(own.url, async (client) => {
      await client.query('begin; lock table intercom.sync_runs in access exclusive mode');
      await expect(glance()).rejects.toMatchObject({ kind: 'database', sqlstate: '55P03' });
      await expect(readHistory(database, 'default')).rejects.toMatchObject({ kind: 'database' });
    });
  });
});
