import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireLease } from '../../src/postgres/lease.ts';
import { listOpenRejects } from '../../src/postgres/rejects.ts';
import type { Lease } from '../../src/postgres/renewal.ts';
import { readStatus } from '../../src/postgres/status.ts';
import { openStore } from '../../src/postgres/store.ts';
import type { FinishedRun, LeasedStore } from '../../src/sync/store.ts';
import {
  FULL_RUN,
  leaseRequest,
  NOW_SECONDS,
  type Opened,
  openTestStore,
  pageOf,
} from './opened.ts';

const MARCH = new Date('2026-03-01T00:00:00Z');
const MAY = new Date('2026-05-01T00:00:00Z');
const BAD = '{"id":"bad","n":1e999999}';
const WHOSE = { id: 'same', name: 'same', updated_at: NOW_SECONDS };
const THEIR_USERS = [
  WHOSE,
  { id: 'theirs', updated_at: NOW_SECONDS },
  { id: 'went', updated_at: NOW_SECONDS },
];
const finished = (runId: string, changes: Partial<FinishedRun> = {}): FinishedRun => ({
  runId,
  status: 'succeeded',
  watermark: null,
  isOver: true,
  errorKind: null,
  errorMessage: null,
  ...changes,
});

let opened: Opened;
let ours: LeasedStore;
let theirs: LeasedStore;
let theirLease: Lease;
let runId: string;
let theirRunId: string;

/** Of everything there is one in either workspace; theirs is the newer. */
beforeEach(async () => {
  opened = await openTestStore();
  ours = opened.store;
  theirLease = await acquireLease(opened.database, leaseRequest({ workspace: 'other' }));
  theirs = openStore(opened.database, theirLease);
  for (const store of [ours, theirs]) {
    const failed = await store.startRun(FULL_RUN);
    await store.writePage(pageOf(failed, 1, [BAD]));
    await store.finishRun(finished(failed, { status: 'failed' }));
  }
  runId = await ours.startRun(FULL_RUN);
  const full = await theirs.startRun(FULL_RUN);
  await theirs.writePage(pageOf(full, 1, THEIR_USERS));
  await theirs.markDeleted(full, ['went']);
  await theirs.bindApp('their app');
  await theirs.finishRun(finished(full, { watermark: MARCH }));
  await opened.rows(
    `update intercom.sync_runs set finished_at = now() - interval '99 days' where id <> $1`,
    [runId],
  );
  theirRunId = await theirs.startRun({ ...FULL_RUN, watermark: MARCH });
  await theirs.writePage(pageOf(theirRunId, 1, [{ id: 'theirs', updated_at: NOW_SECONDS }]));
});
afterEach(async () => {
  await theirLease.release();
  await opened.close();
});

/** Every row of theirs, with the version of those of users. */
const allOfTheirs = () =>
  opened.rows(`
    select 'user' as what, to_jsonb(u) || jsonb_build_object('version', u.xmin::text) as row
      from intercom.users as u where workspace = 'other' union all
    select 'workspace', to_jsonb(w) from intercom.workspaces as w where workspace = 'other' union all
    select 'run', to_jsonb(r) from intercom.sync_runs as r where workspace = 'other' union all
    select 'reject', to_jsonb(x) from intercom.rejected_users as x where workspace = 'other' union all
    select 'lease', to_jsonb(l) from intercom.sync_leases as l where workspace = 'other' union all
    select 'checkpoint', to_jsonb(c) from intercom.sync_checkpoints as c
      join intercom.sync_runs as r on r.id = c.run_id where workspace = 'other'
    order by 1, 2`);

const page = (...users: Parameters<typeof pageOf>[2]) => pageOf(runId, 1, users);
const ids = THEIR_USERS.map(({ id }) => id);

describe('no row of another workspace is touched', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['a page', () => ours.writePage(page(...ids.map((id) => ({ id, name: 'ours' }))))],
    ['a page that heals a reject', () => ours.writePage(page({ id: 'bad' }))],
    ['a page that Postgres refuses', () => ours.writePage(page({ id: 'same' }, BAD))],
    ['users outside of a pass', () => ours.writeUsers(page({ id: 'theirs' }, { id: 'bad' }))],
    ['a user outside of a pass who is refused', () => ours.writeUsers(page(BAD))],
    ['deletions', () => ours.markDeleted(runId, ids)],
    ['a new run', () => ours.startRun(FULL_RUN)],
    ['the watermark of a run', () => ours.setRunWatermark(runId, MAY)],
    ['the limit', () => ours.markLimitReached(runId)],
    ['an app', () => ours.bindApp('our app')],
    ['the end of a run', () => ours.finishRun(finished(runId, { watermark: MAY }))],
    ['retention', () => ours.prune(90)],
    ['the release of the lease', () => ours.release()],
  ])('by %s', async (_, write) => {
    const before = await allOfTheirs();
    await write();
    expect(await allOfTheirs()).toEqual(before);
  });

  test('nor does its newer full run stand for ours, when old runs go', async () => {
    const [full, incremental] = [FULL_RUN, { ...FULL_RUN, mode: 'incremental' } as const];
    const kept: string[] = [];
    for (const [store, run] of [
      [ours, full],
      [ours, incremental],
      [theirs, full],
    ] as const) {
      const id = await store.startRun(run);
      await store.finishRun(finished(id, { watermark: MAY }));
      if (store === ours) kept.push(id);
    }
    await opened.rows(`update intercom.sync_runs set finished_at = now() - interval '99 days'`);
    await ours.prune(90);
    const left = await opened.rows(
      `select id from intercom.sync_runs where workspace = 'default' order by id`,
    );
    expect(left.map(({ id }) => id)).toEqual(kept);
  });

  test('nor can its run be finished', async () => {
    const before = await allOfTheirs();
    await expect(ours.finishRun(finished(theirRunId))).rejects.toThrow('no run');
    expect(await allOfTheirs()).toEqual(before);
  });
});

describe('a user that another workspace has, too', () => {
  const mine = () =>
    opened.rows(`select raw from intercom.users where workspace = 'default' and id = 'same'`);

  test('is inserted here, though the content is the same', async () => {
    expect(await ours.writePage(page(WHOSE))).toMatchObject({ inserted: 1, unchanged: 0 });
    expect(await mine()).toEqual([{ raw: WHOSE }]);
  });

  test('is inserted here as it came, though the copy there is newer', async () => {
    const older = { ...WHOSE, name: 'ours', updated_at: NOW_SECONDS - 1 };
    expect(await ours.writePage(page(older))).toMatchObject({ inserted: 1 });
    expect(await mine()).toEqual([{ raw: older }]);
  });

  test('and is deleted there is inserted here', async () => {
    expect(await ours.writePage(page({ id: 'went' }))).toMatchObject({ inserted: 1, updated: 0 });
  });
});

describe('what is told of a workspace is its own', () => {
  test('state: neither watermark, app, full run nor unfinished run of the other', async () => {
    expect(await ours.workspace()).toMatchObject({
      watermark: null,
      appId: null,
      lastFullRunAt: null,
      hasUsers: false,
      unfinished: { id: runId, lastCheckpoint: null },
    });
  });

  test('users: neither alive nor unseen are those of the other', async () => {
    expect(await ours.countLiveUsers()).toBe(0);
    expect(await ours.unseenUsers(runId, null, 9)).toEqual([]);
    expect(await ours.countSeen(runId)).toBe(0);
  });

  test('users: seen by a run of the other is not seen', async () => {
    await ours.writePage({ ...page({ id: 'same' }, { id: 'theirs' }), seenIds: ['same'] });
    expect(await ours.unseenUsers(runId, null, 9)).toEqual(['theirs']);
  });

  test('the counters of a run', async () => {
    expect(await ours.finishRun(finished(runId))).toMatchObject({ pages: 0, users: 0 });
  });

  test('a reject outside of a pass is of the run that runs here', async () => {
    await ours.writeUsers(page('{"id":"worse","n":1e999999}'));
    const rejects = await listOpenRejects(opened.database, 'default', null, 9);
    expect(rejects.map(({ userId, runId }) => [userId, runId])).toContainEqual(['worse', runId]);
    expect(rejects.map(({ workspace }) => workspace)).toEqual(['default', 'default']);
  });

  test('the status, each workspace once and by name', async () => {
    await ours.writePage(page({ id: 'one' }, { id: 'bad' }));
    await theirLease.release();
    const told = await readStatus(opened.database);
    expect(told).toMatchObject([
      { workspace: 'default', liveUsers: 2, openRejects: 0, appId: null, watermark: null },
      { workspace: 'other', liveUsers: 2, openRejects: 1, appId: 'their app', watermark: MARCH },
    ]);
    expect(told.map(({ holder }) => holder?.owner)).toEqual(['test:1', undefined]);
    expect(told.map(({ runs }) => runs.map(({ id, pages }) => [id, pages]))).toMatchObject([
      [
        [runId, 1],
        [expect.any(String), 1],
      ],
      [
        [theirRunId, 1],
        [expect.any(String), 1],
        [expect.any(String), 1],
      ],
    ]);
  });

  test('the status of one whose runs are all gone', async () => {
    await opened.rows(`delete from intercom.sync_runs where workspace = 'other'`);
    const told = await readStatus(opened.database);
    expect(told).toMatchObject([{ workspace: 'default' }, { workspace: 'other', runs: [] }]);
  });
});
