import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Interrupted } from '../../src/errors.ts';
import { EQUAL, rowsOf } from '../support/sync.ts';
import {
  beforePages,
  createGround,
  DAY_MS,
  type Ground,
  listedIds,
  MINUTE_MS,
  type MovingSource,
  type MovingSourceOptions,
} from './moving-source.ts';

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

async function openSource(options: MovingSourceOptions = {}): Promise<MovingSource> {
  source = await ground.open({ users: 137, ...options });
  return source;
}

function change(place: number, fields: Record<string, unknown> = {}): string {
  const id = listedIds(source.simulator)[place] ?? '';
  source.simulator.workspace.update(id, { name: `Changed at ${source.nowSeconds()}`, ...fields });
  return id;
}

describe('whatever a clock says, incremental runs find each change and each new user', () => {
  const HOURS_26_MS = 26 * 60 * MINUTE_MS;
  test.each<[string, MovingSourceOptions]>([
    ["Intercom's is 26 hours ahead of the database", { faults: { clockOffsetMs: HOURS_26_MS } }],
    ["Intercom's is 26 hours behind the database", { faults: { clockOffsetMs: -HOURS_26_MS } }],
    ['ours is 26 hours ahead', { localClockOffMs: HOURS_26_MS }],
    ['ours is 26 hours behind', { localClockOffMs: -HOURS_26_MS }],
    ['no Date is sent', { faults: { dateAbsent: true } }],
    [
      'no Date is sent, and ours is 26 hours ahead',
      { faults: { dateAbsent: true }, localClockOffMs: HOURS_26_MS },
    ],
    [
      'no Date is sent, and ours is 26 hours behind',
      { faults: { dateAbsent: true }, localClockOffMs: -HOURS_26_MS },
    ],
  ])('where %s', async (_, options) => {
    await openSource(options);
    expect((await source.sync()).json).toMatchObject({ mode: 'full', status: 'succeeded' });
    // The last is two days and an hour and a half in all, which a clock that is behind takes for one.
    for (const minutes of [3, 90, 1_485]) {
      // Only the list of the newly created has this one.
      source.simulator.workspace.create({ updated_at: null });
      source.passTime(minutes * MINUTE_MS);
      change(3);
      source.simulator.workspace.create();
      source.passTime(minutes * MINUTE_MS);
      change(4);
      const { json, warned } = await source.sync({ mode: 'incremental' });
      expect(json).toMatchObject({ mode: 'incremental', status: 'succeeded', inserted: 2 });
      expect(warned).toEqual([]);
      expect(await source.difference()).toEqual(EQUAL);
      expect((await source.watermark())?.getTime()).toBeLessThanOrEqual(source.nowSeconds() * 1000);
    }
  });
});

describe('the watermark', () => {
  test('is taken at the start: what changes while a run goes on is found by the next', async () => {
    await openSource();
    await source.sync();
    source.passTime(60 * MINUTE_MS);
    const gone = listedIds(source.simulator)[7] ?? '';
    source.simulator.workspace.delete(gone);
    // Every page is read when the sweep asks for the one that is gone.
    const stop = source.simulator.onRequest(({ path }) => {
      if (path !== `/users/${gone}`) return;
      source.passTime(30 * MINUTE_MS);
      change(100);
      source.simulator.workspace.create();
      source.passTime(30 * MINUTE_MS);
    });
    const startedAt = source.nowSeconds();
    await source.sync({ mode: 'full' });
    stop();
    expect((await source.watermark())?.getTime()).toBeLessThanOrEqual(startedAt * 1000);
    expect(await source.difference()).toEqual({ missing: 1, stale: 1, ghosts: 0 });
    await source.sync({ mode: 'incremental' });
    expect(await source.difference()).toEqual(EQUAL);
  });

  test('waits for an index that is three minutes behind, and what is in the gap is found', async () => {
    await openSource({ faults: { indexLagMs: 3 * MINUTE_MS } });
    await source.sync();
    for (let round = 0; round < 4; round += 1) {
      source.passTime(20 * MINUTE_MS);
      change(10 + round);
      source.passTime(2 * MINUTE_MS);
      change(20 + round);
      source.simulator.workspace.create({ created_at: source.nowSeconds() - 5 * 86_400 });
      await source.sync({ mode: 'incremental' });
      source.passTime(3 * MINUTE_MS);
      await source.sync({ mode: 'incremental' });
      expect(await source.difference()).toEqual(EQUAL);
    }
  });

  test('goes no further than the newest update that the index knows of', async () => {
    await openSource({ faults: { indexLagMs: 3 * MINUTE_MS } });
    change(1);
    const knownAt = source.nowSeconds();
    source.passTime(4 * MINUTE_MS);
    // Far down in the index as it was, where the first page does not show the new time of it.
    const { workspace } = source.simulator;
    const rows = workspace.select({ sort: 'updated_at', order: 'asc', indexLagMs: 3 * MINUTE_MS });
    workspace.update(String(workspace.userAt(rows.at(0)).id), { name: 'Changed' });
    await source.sync();
    expect(await source.watermark()).toEqual(new Date(knownAt * 1000));
  });

  test.each([
    { sort: 'updated_at' },
    { sort: 'created_at', order: 'asc' },
    { createdSinceDays: 3 },
    { lookup: { by: 'email', value: 'ada@example.com' } },
    { lookup: { by: 'phone', value: '+12125550123' } },
  ] as const)('is moved by no run that is asked for %o', async (asked) => {
    await openSource();
    await source.sync();
    const before = await source.watermark();
    source.passTime(DAY_MS);
    change(1);
    const gone = listedIds(source.simulator)[5] ?? '';
    source.simulator.workspace.delete(gone);
    expect((await source.sync(asked)).json).toMatchObject({ status: 'succeeded', deleted: 0 });
    expect(await source.watermark()).toEqual(before);
    source.simulator.workspace.create();
    await source.sync({ mode: 'incremental' });
    expect(await source.difference()).toEqual({ missing: 0, stale: 0, ghosts: 1 });
  });

  test('stays where a run fails, and the next one finds what that one had not come to', async () => {
    await openSource();
    await source.sync();
    const before = await source.watermark();
    source.passTime(DAY_MS);
    for (let place = 0; place < 120; place += 1) change(place);
    const stop = beforePages(source.simulator, 'updated_at', (page) => {
      if (page === 2) source.simulator.faults.tokenRevokedAfter = 0;
    });
    const { report } = await source.sync({ mode: 'incremental' });
    stop();
    expect(report.error).toMatchObject({ kind: 'credentials', exitCode: 3 });
    expect(await source.watermark()).toEqual(before);
    source.simulator.faults.tokenRevokedAfter = null;
    await source.sync({ mode: 'incremental' });
    expect(await source.difference()).toEqual(EQUAL);
  });
});

test('a run that goes on with another finds what changed since the first one began', async () => {
  await openSource();
  const stopping = new AbortController();
  const stop = beforePages(source.simulator, 'created_at', (page) => {
    if (page === 3) stopping.abort(new Interrupted('SIGTERM'));
  });
  const startedAt = source.nowSeconds();
  const first = await source.sync({ mode: 'full' }, { perPage: 10, stop: stopping.signal });
  stop();
  expect(first.json).toMatchObject({ status: 'interrupted', pages: 2 });
  // More than a page of those read change, longer before the second run than the overlap reaches.
  source.passTime(MINUTE_MS);
  for (let place = 0; place < 15; place += 1) change(place);
  source.passTime(45 * MINUTE_MS);
  const second = await source.sync({ mode: 'full' }, { perPage: 10 });
  expect(second.json).toMatchObject({ status: 'succeeded', inserted: 117, updated: 0 });
  expect(await source.difference()).toEqual(EQUAL);
  expect((await source.watermark())?.getTime()).toBe(startedAt * 1000);
});

describe('an updated_at that cannot be true', () => {
  const future = () => source.nowSeconds() + 400 * 86_400;
  const untrue = [
    ['null', () => null],
    ['in the future', future],
    ['in milliseconds', () => source.nowSeconds() * 1000],
  ] as const;

  test.each(untrue)('%s, stored first, gives way to a true one', async (_, time) => {
    await openSource();
    const id = change(50, { updated_at: time() });
    await source.sync();
    expect(await source.difference()).toEqual(EQUAL);
    // A true time that lies before the watermark, and one that is new.
    for (const mode of ['full', 'incremental'] as const) {
      source.passTime(DAY_MS);
      const updatedAt = mode === 'full' ? source.nowSeconds() - 40 * 86_400 : source.nowSeconds();
      source.simulator.workspace.update(id, { name: `For ${mode}`, updated_at: updatedAt });
      await source.sync({ mode });
      expect(await source.difference()).toEqual(EQUAL);
    }
  });

  test.each(untrue)('%s, never wins over a true one, nor lets it freeze', async (_, time) => {
    await openSource();
    const id = change(50);
    await source.sync();
    source.simulator.workspace.update(id, { name: 'Untrue', updated_at: time() });
    await source.sync({ mode: 'full' });
    expect(await source.difference()).toEqual({ missing: 0, stale: 1, ghosts: 0 });
    source.passTime(MINUTE_MS);
    source.simulator.workspace.update(id, { name: 'True again' });
    await source.sync({ mode: 'incremental' });
    expect(await source.difference()).toEqual(EQUAL);
  });

  test.each(untrue)('%s, on the newest user, moves no watermark', async (_, time) => {
    await openSource();
    change(50, { updated_at: time() });
    source.passTime(MINUTE_MS);
    change(51);
    const newestAt = source.nowSeconds();
    source.passTime(5 * MINUTE_MS);
    await source.sync();
    expect(await source.watermark()).toEqual(new Date(newestAt * 1000));
    await source.sync({ mode: 'incremental' });
    expect(await source.watermark()).toEqual(new Date(newestAt * 1000));
  });
});

test('a user that is deleted is marked, and is live again when it returns, changed or not', async () => {
  await openSource();
  await source.sync();
  const { workspace } = source.simulator;
  const [first = '', second = ''] = listedIds(source.simulator).slice(30, 32);
  const asItWas = workspace.get(first) ?? {};
  for (const id of [first, second]) workspace.delete(id);
  const { json } = await source.sync({ mode: 'full' });
  expect(json).toMatchObject({ deleted: 2 });
  const marked = () =>
    rowsOf(source.databaseUrl, 'select id from intercom.users where deleted_at is not null');
  expect((await marked()).map(({ id }) => id).sort()).toEqual([first, second].sort());

  source.passTime(60 * MINUTE_MS);
  workspace.create(asItWas);
  workspace.create({ id: second, name: 'Returned' });
  await source.sync({ mode: 'incremental' });
  expect((await marked()).map(({ id }) => id)).toEqual([first]);
  // The first came back with its old times: only a full run can see it.
  const again = await source.sync({ mode: 'full' });
  expect(again.json).toMatchObject({ updated: 1, deleted: 0 });
  expect(await marked()).toEqual([]);
  expect(await source.difference()).toEqual(EQUAL);
});
