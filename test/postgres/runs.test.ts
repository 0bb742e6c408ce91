import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FinishedRun, NewRun } from '../../src/sync/store.ts';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
beforeEach(async () => {
  opened = await openTestStore();
});
afterEach(() => opened.close());

const start = (run: Partial<NewRun> = {}) => opened.store.startRun({ ...FULL_RUN, ...run });
const finish = (runId: string, run: Partial<FinishedRun> = {}) =>
  opened.store.finishRun({
    runId,
    status: 'succeeded',
    watermark: null,
    isOver: true,
    errorKind: null,
    errorMessage: null,
    ...run,
  });
const write = (runId: string, sequence: number, ids: string[], changes = {}) =>
  opened.store.writePage(
    pageOf(
      runId,
      sequence,
      ids.map((id) => ({ id })),
      changes,
    ),
  );
const runRow = async (id: string) =>
  (await opened.rows('select * from intercom.sync_runs where id = $1', [id]))[0];
const unfinished = async () => (await opened.store.workspace()).unfinished;
const at = (iso: string) => new Date(iso);

describe('a run', () => {
  test('that finishes has the sums of its checkpoints for counters', async () => {
    const runId = await start();
    await write(runId, 1, ['a', 'b']);
    await write(runId, 2, ['b', 'c'], {
      chosen: [
        { id: 'b', position: 0, isRepeat: true },
        { id: 'c', position: 1, isRepeat: false },
      ],
    });
    await write(runId, 3, []);
    await opened.store.writePage(
      pageOf(runId, 4, [
        { id: 'a', n: 1 },
        { id: 'b', n: 1 },
        { id: 'c' },
        '{"id":"bad","n":1e999999}',
      ]),
    );
    await opened.store.markDeleted(runId, ['a']);
    await opened.store.markDeleted(runId, ['a', 'c']);
    const sums = {
      pages: 4,
      inserted: 3,
      updated: 2,
      unchanged: 1,
      duplicates: 1,
      rejected: 1,
    };
    expect(await finish(runId)).toEqual({ users: 8, ...sums });
    expect(await runRow(runId)).toMatchObject({
      status: 'succeeded',
      users_read: 8,
      ...sums,
      deleted: 2,
      finished_at: expect.any(Date),
    });
  });

  test('without a page has zeros', async () => {
    expect(await finish(await start())).toMatchObject({ pages: 0, users: 0 });
  });

  test('that died is abandoned by the next, with what it had done', async () => {
    const dead = await start();
    await write(dead, 1, ['a']);
    const next = await start();
    expect(await runRow(dead)).toMatchObject({
      status: 'abandoned',
      pages: 1,
      inserted: 1,
      finished_at: expect.any(Date),
    });
    expect(await runRow(next)).toMatchObject({ status: 'running', finished_at: null });
    expect(Number(next)).toBeGreaterThan(Number(dead));
  });

  test('of another workspace is not', async () => {
    await opened.rows(
      `insert into intercom.sync_runs (workspace, mode, status, started_at) values ('other', 'full', 'running', now())`,
    );
    await start();
    expect(
      await opened.value(`select status from intercom.sync_runs where workspace = 'other'`),
    ).toBe('running');
  });

  test('that fails says why', async () => {
    const runId = await start();
    await finish(runId, { status: 'failed', errorKind: 'source', errorMessage: 'no answer' });
    expect(await runRow(runId)).toMatchObject({
      status: 'failed',
      error_kind: 'source',
      error_message: 'no answer',
    });
  });

  test('remembers the limit at once', async () => {
    const runId = await start();
    await opened.store.markLimitReached(runId);
    expect(await unfinished()).toMatchObject({ id: runId, limitReached: true });
  });
});

describe('the watermark', () => {
  const june = at('2026-06-01T00:00:00Z');
  const july = at('2026-07-01T00:00:00Z');

  test('moves with a run that succeeds', async () => {
    const runId = await start({ watermark: june });
    await finish(runId, { watermark: july });
    expect(await opened.store.workspace()).toMatchObject({
      watermark: july,
      unfinished: null,
      lastFullRunAt: expect.any(Date),
    });
    expect(await runRow(runId)).toMatchObject({ watermark: july });
    expect(await opened.value('select watermark_run_id from intercom.workspaces')).toBe(runId);
  });

  test('stays where it is with one that does not, but the run keeps its own', async () => {
    const runId = await start();
    await opened.store.setRunWatermark(runId, june);
    await finish(runId, { status: 'failed', isOver: false });
    expect(await opened.store.workspace()).toMatchObject({
      watermark: null,
      unfinished: { watermark: june },
    });
  });

  test('that a run is to move it to is known from the start of one that goes on', async () => {
    await start({ watermark: june });
    expect(await unfinished()).toMatchObject({ watermark: june });
  });

  test('never moves with a run that fails', async () => {
    const runId = await start();
    await expect(finish(runId, { status: 'failed', watermark: july })).rejects.toThrow(
      'moves no watermark',
    );
    expect(await runRow(runId)).toMatchObject({ status: 'running' });
  });

  test('that a run did not move makes it no full run to count from', async () => {
    await finish(await start({ watermark: june }));
    expect(await opened.store.workspace()).toMatchObject({ lastFullRunAt: null, watermark: null });
    await finish(await start({ mode: 'incremental' }), { watermark: july });
    expect(await opened.store.workspace()).toMatchObject({ lastFullRunAt: null, watermark: july });
  });
});

describe('the last full run', () => {
  const june = at('2026-06-01T00:00:00Z');
  const lastFullRunAt = async () => (await opened.store.workspace()).lastFullRunAt;

  test('is the last of several', async () => {
    await finish(await start(), { watermark: june });
    await opened.rows(`update intercom.sync_runs set finished_at = now() - interval '9 days'`);
    const last = await start();
    await finish(last, { watermark: june });
    expect(await lastFullRunAt()).toEqual((await runRow(last))?.finished_at);
  });

  test('is none that failed, though it knew its watermark', async () => {
    await finish(await start({ watermark: june }), { status: 'failed' });
    expect(await lastFullRunAt()).toBeNull();
  });
});

test('a workspace has users once one was written, also when all are deleted', async () => {
  const hasUsers = async () => (await opened.store.workspace()).hasUsers;
  const runId = await start();
  expect(await hasUsers()).toBe(false);
  await write(runId, 1, ['only']);
  expect(await hasUsers()).toBe(true);
  await opened.store.markDeleted(runId, ['only']);
  expect(await hasUsers()).toBe(true);
});

test('a workspace is bound to the first app', async () => {
  expect((await opened.store.workspace()).appId).toBeNull();
  expect(await opened.store.bindApp('first')).toBe('first');
  expect(await opened.store.bindApp('second')).toBe('first');
  expect((await opened.store.workspace()).appId).toBe('first');
});

test('retention lets old runs go, but none that the next is planned from', async () => {
  const age = (id: string) =>
    opened.rows(
      `update intercom.sync_runs set started_at = now() - interval '99 days', finished_at = now() - interval '99 days' where id = $1`,
      [id],
    );
  const watermark = at('2026-06-01T00:00:00Z');
  const oldFull = await start();
  await finish(oldFull, { watermark });
  const lastFull = await start();
  await write(lastFull, 1, ['a']);
  await finish(lastFull, { watermark });
  const unmoved = await start();
  await finish(unmoved);
  const oldFailed = await start({ watermark });
  await write(oldFailed, 1, ['b']);
  await finish(oldFailed, { status: 'failed' });
  const moved = await start({ mode: 'incremental' });
  await finish(moved, { watermark });
  for (const id of [oldFull, lastFull, unmoved, oldFailed, moved]) await age(id);
  const recent = await start({ mode: 'incremental' });
  await finish(recent);
  const running = await start();
  await opened.rows(
    `update intercom.sync_runs set started_at = now() - interval '99 days' where id = $1`,
    [running],
  );
  await opened.store.prune(90);
  expect(
    (await opened.rows('select id from intercom.sync_runs order by id')).map((row) => row.id),
  ).toEqual([lastFull, moved, recent, running]);
  expect(
    (await opened.rows('select run_id from intercom.sync_checkpoints')).map((row) => row.run_id),
  ).toEqual([lastFull]);
});

test('retention lets the runs go of a workspace that has no watermark yet', async () => {
  await opened.store.bindApp('app');
  await finish(await start(), { status: 'failed' });
  await opened.rows(`update intercom.sync_runs set finished_at = now() - interval '99 days'`);
  const running = await start();
  await opened.store.prune(90);
  expect(await opened.rows('select id from intercom.sync_runs')).toEqual([{ id: running }]);
});
