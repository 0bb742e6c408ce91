import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EQUAL } from '../support/sync.ts';
import {
  createGround,
  DAY_MS,
  type FinishedRun,
  type Ground,
  listedIds,
  MINUTE_MS,
  type MovingSource,
} from './moving-source.ts';

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

const scrolls = ({ requests }: FinishedRun) =>
  requests.filter(({ path }) => path === '/users/scroll');
const scrollsBegun = (run: FinishedRun) =>
  scrolls(run).filter(({ query }) => !query.has('scroll_param')).length;
const warningsOfLimit = ({ warned }: FinishedRun) =>
  warned.filter((event) => event === 'users_limit_reached').length;

function changeAll(name: string): void {
  const { workspace } = source.simulator;
  for (const id of listedIds(source.simulator)) workspace.update(id, { name });
}

test('10,001 users with one updated_at, all changed while they are scrolled: no second scroll, and then an end', async () => {
  source = await ground.open({ users: 10_001 });
  const stop = source.simulator.onRequest(({ path, query }) => {
    if (path !== '/users/scroll' || query.has('scroll_param')) return;
    source.passTime(MINUTE_MS);
    changeAll('Imported again');
  });
  const startedAt = source.nowSeconds();
  const first = await source.sync();
  stop();
  expect(first.json).toMatchObject({ status: 'succeeded', mode: 'full', limit_reached: true });
  expect(scrollsBegun(first)).toBe(1);
  expect(warningsOfLimit(first)).toBe(1);
  expect(await source.watermark()).toEqual(new Date(startedAt * 1000));

  // All changes are behind the watermark: too many for the updated pass, so they are scrolled.
  source.passTime(60 * MINUTE_MS);
  source.simulator.workspace.update(listedIds(source.simulator)[5_000] ?? '', { name: 'Newest' });
  const newestAt = source.nowSeconds();
  const second = await source.sync({ mode: 'incremental' });
  expect(second.json).toMatchObject({ status: 'succeeded', limit_reached: true });
  expect(scrollsBegun(second)).toBe(1);
  expect(warningsOfLimit(second)).toBe(1);
  expect(await source.difference()).toEqual(EQUAL);
  expect(await source.watermark()).toEqual(new Date(newestAt * 1000));

  source.passTime(60 * MINUTE_MS);
  const third = await source.sync({ mode: 'incremental' });
  expect(third.json).toMatchObject({ status: 'succeeded', limit_reached: false, updated: 0 });
  expect(third.requests.length).toBeLessThan(20);
});

describe('an incremental run whose pass is cut off at the limit', () => {
  test('by updates warns once, scrolls, and finds all of them', async () => {
    source = await ground.open();
    await source.sync();
    source.passTime(DAY_MS);
    changeAll('Changed');
    source.simulator.faults.limitRows = 100;
    const run = await source.sync({ mode: 'incremental' });
    expect(run.json).toMatchObject({ status: 'succeeded', mode: 'incremental', updated: 137 });
    expect([warningsOfLimit(run), scrollsBegun(run)]).toEqual([1, 1]);
    expect(await source.difference()).toEqual(EQUAL);
  });

  test('by new users warns once, scrolls, and finds all of them', async () => {
    source = await ground.open();
    await source.sync();
    source.passTime(DAY_MS);
    for (let count = 0; count < 150; count += 1) source.simulator.workspace.create();
    source.simulator.faults.limitRows = 100;
    const run = await source.sync({ mode: 'incremental' });
    expect(run.json).toMatchObject({ status: 'succeeded', mode: 'incremental', inserted: 150 });
    expect([warningsOfLimit(run), scrollsBegun(run)]).toEqual([1, 1]);
    expect(await source.difference()).toEqual(EQUAL);
  });
});

describe('a scroll that breaks at its second page', () => {
  async function scrollWithBreaks(times: number) {
    source = await ground.open({ users: 250 });
    await source.sync();
    source.passTime(DAY_MS);
    changeAll('Changed');
    source.simulator.faults.limitRows = 100;
    let breaks = 0;
    source.simulator.onRequest(({ path, query }) => {
      const { rules } = source.simulator.faults;
      rules.length = 0;
      if (path !== '/users/scroll' || !query.has('scroll_param') || breaks >= times) return;
      breaks += 1;
      rules.push({ answer: 'status500scroll' });
    });
    const before = await source.watermark();
    return { before, run: await source.sync({ mode: 'full' }) };
  }

  test('three times begins anew each time, and reads all', async () => {
    const { run } = await scrollWithBreaks(3);
    expect(run.json).toMatchObject({ status: 'succeeded', updated: 250 });
    expect(scrollsBegun(run)).toBe(4);
    expect(await source.difference()).toEqual(EQUAL);
  });

  test('a fourth time ends the run with exit code 4: rows are kept, and so is the watermark', async () => {
    const { before, run } = await scrollWithBreaks(4);
    expect(run.report.error).toMatchObject({ kind: 'source', exitCode: 4 });
    expect(scrollsBegun(run)).toBe(4);
    expect(await source.watermark()).toEqual(before);
    // Two pages of the list, and one of each scroll, are in the table.
    const { stale } = await source.difference();
    expect(stale).toBeGreaterThanOrEqual(50);
    expect(stale).toBeLessThanOrEqual(150);

    source.simulator.faults.limitRows = 10_000;
    const next = await source.sync();
    expect(next.json).toMatchObject({ status: 'succeeded' });
    expect(await source.difference()).toEqual(EQUAL);
  });
});
