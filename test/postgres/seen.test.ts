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
const seenBy = async (runId: string) => {
  const ids = new Set<string>();
  for await (const batch of opened.store.seenIds(runId)) for (const id of batch) ids.add(id);
  return [...ids].sort();
};
const unfinished = async () => (await opened.store.workspace()).unfinished;

describe('what can be gone on from', () => {
  test('is the newest run that did not succeed, with its last checkpoint', async () => {
    const runId = await start({ watermark: new Date('2026-06-01T00:00:00Z') });
    await write(runId, 1, ['a']);
    await write(runId, 2, ['b', 'c'], { next: '/users?page=3', totalCount: 105 });
    await finish(runId, { status: 'interrupted', isOver: false, errorKind: 'source' });
    expect(await unfinished()).toMatchObject({
      id: runId,
      mode: 'full',
      errorKind: 'source',
      limitReached: false,
      lastCheckpoint: {
        sequence: 2,
        pass: 'list',
        page: 2,
        next: '/users?page=3',
        users: 2,
        totalCount: 105,
        committedAt: expect.any(Date),
      },
    });
    await finish(await start());
    expect(await unfinished()).toBeNull();
  });

  test('is not undone by a look at one user', async () => {
    const first = await start({ watermark: new Date('2026-06-01T00:00:00Z') });
    await write(first, 1, ['a', 'b'], { next: '/users?page=2' });
    await finish(first, { status: 'failed', isOver: false, errorKind: 'source' });
    await finish(await start({ mode: 'lookup' }));
    expect(await unfinished()).toMatchObject({ id: first });
    expect(await seenBy(first)).toEqual(['a', 'b']);
  });

  test('is where the run before it was, if it ended before its own first page', async () => {
    const watermark = new Date('2026-06-01T00:00:00Z');
    const first = await start({ watermark });
    await write(first, 1, ['a', 'b'], { next: '/users?page=2' });
    await finish(first, { status: 'failed', isOver: false, errorKind: 'source' });
    let last = first;
    for (let ends = 0; ends < 2; ends += 1) {
      last = await start({ resumedFrom: last, watermark });
      await finish(last, { status: 'failed', isOver: false, errorKind: 'source' });
    }
    expect(await unfinished()).toMatchObject({
      id: last,
      watermark,
      lastCheckpoint: { sequence: 1, pass: 'list', next: '/users?page=2' },
    });
    expect(await seenBy(await start({ resumedFrom: last, watermark }))).toEqual(['a', 'b']);
  });

  test('is gone on from with all its ids, also where the answer to the COMMIT of the start was lost', async () => {
    const first = await start();
    await write(first, 1, ['a', 'b']);
    await start({ resumedFrom: first });
    const again = await start({ resumedFrom: first });
    expect(await seenBy(again)).toEqual(['a', 'b']);
  });

  test('knows the ids that it and those before it have seen', async () => {
    const first = await start();
    await write(first, 1, ['a', 'b']);
    const second = await start({ resumedFrom: first });
    await write(second, 2, ['b', 'c']);
    const third = await start({ resumedFrom: second });
    await write(third, 3, ['d']);
    expect(await seenBy(third)).toEqual(['a', 'b', 'c', 'd']);
    expect(await opened.store.countSeen(third)).toBe(4);
    expect(await opened.store.countSeen(second)).toBe(3);

    await finish(third, { status: 'failed', isOver: false });
    expect(await opened.store.countSeen(third)).toBe(4);
    await finish(third);
    expect(await opened.store.countSeen(third)).toBe(0);
    expect(
      await opened.value(
        `select count(*)::int from intercom.sync_checkpoints where seen_ids <> '{}'`,
      ),
    ).toBe(0);
  });

  test('is let go by a run that begins anew', async () => {
    const first = await start();
    await write(first, 1, ['a']);
    const second = await start({ resumedFrom: first });
    await write(second, 2, ['b']);
    await start();
    expect(await opened.store.countSeen(second)).toBe(0);
  });

  test('has its ids read page by page, through all of its runs', async () => {
    const first = await start();
    const runId = await start({ resumedFrom: first });
    await opened.rows(
      `insert into intercom.sync_checkpoints (run_id, sequence, pass, seen_ids, committed_at)
       select case when page <= 120 then $1 else $2 end::bigint, page, 'list',
         array(select 'id-' || (page * 100 + n) from generate_series(1, 100) n), now()
       from generate_series(1, 250) page`,
      [first, runId],
    );
    const sizes: number[] = [];
    const all = new Set<string>();
    for await (const batch of opened.store.seenIds(runId)) {
      sizes.push(batch.length);
      for (const id of batch) all.add(id);
    }
    expect(sizes).toEqual(Array.from({ length: 250 }, () => 100));
    expect(all.size).toBe(25_000);
  });
});

describe('users that a run has not seen', () => {
  test('are live ones of the list, by id, in bounded batches', async () => {
    const runId = await start();
    const ids = Array.from({ length: 9 }, (_, n) => `u${n}`);
    await write(runId, 1, ids, { seenIds: ['u0', 'u4'] });
    await opened.rows(`update intercom.users set source = 'contacts' where id = 'u1'`);
    await opened.rows(
      `insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at) values ('other', 'z', 'users', '{}', now(), now())`,
    );
    expect(await opened.store.countLiveUsers()).toBe(8);
    expect(await opened.store.markDeleted(runId, ['u2', 'u2', 'unknown'])).toBe(1);
    expect(await opened.store.markDeleted(runId, ['u2', 'u3'])).toBe(2);
    expect(await opened.store.markDeleted(runId, [])).toBe(2);
    expect(await opened.store.countLiveUsers()).toBe(6);
    expect(await opened.store.unseenUsers(runId, null, 2)).toEqual(['u5', 'u6']);
    expect(await opened.store.unseenUsers(runId, 'u6', 9)).toEqual(['u7', 'u8']);
    expect(await opened.store.unseenUsers(runId, 'u8', 9)).toEqual([]);
  });

  test('include none that an earlier run of the chain has', async () => {
    const first = await start();
    await write(first, 1, ['a', 'b'], { seenIds: ['a'] });
    const second = await start({ resumedFrom: first });
    await write(second, 2, ['c', 'd'], { seenIds: ['c'] });
    expect(await opened.store.unseenUsers(second, null, 9)).toEqual(['b', 'd']);
  });

  test('that are marked as deleted have changed', async () => {
    const runId = await start();
    await write(runId, 1, ['a']);
    const before = (
      await opened.rows<{ last_changed_at: Date }>('select * from intercom.users')
    )[0];
    await opened.store.markDeleted(runId, ['a']);
    const after = (
      await opened.rows<{ last_changed_at: Date; deleted_at: Date }>('select * from intercom.users')
    )[0];
    expect(after?.deleted_at).toEqual(after?.last_changed_at);
    expect(after?.last_changed_at).not.toEqual(before?.last_changed_at);
  });
});
