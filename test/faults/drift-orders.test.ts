import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ORDERS, SORTS } from '../../src/sync/source.ts';
import {
  beforePages,
  createGround,
  DAY_MS,
  type Ground,
  listedIds,
  type MovingSource,
} from './moving-source.ts';
import { rounds, SEARCH_MAX_MS } from './rounds.ts';

const orders = SORTS.flatMap((sort) => ORDERS.map((order) => ({ sort, order })));
const isSafe = ({ sort, order }: (typeof orders)[number]) =>
  order === 'desc' && (sort === 'created_at' || sort === 'updated_at');

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

async function openSource(users = 137): Promise<MovingSource> {
  await source?.close();
  source = await ground.open({ users });
  return source;
}

describe.each(orders)('asked for by $sort, $order', (asked) => {
  test('all users of a table at rest arrive, and no watermark moves', async () => {
    await openSource();
    const { json, warned } = await source.sync(asked);
    expect(json).toMatchObject({ status: 'succeeded', mode: 'full', inserted: 137 });
    expect(warned).toEqual(isSafe(asked) ? [] : ['order_may_skip']);
    expect(await source.watermark()).toBeNull();
  });

  test(
    'of a table that moves nobody is missing, or it is told that somebody may be',
    async () => {
      const someUsers = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 3 });
      const churn = fc.record({
        deletes: someUsers,
        creates: fc.nat({ max: 3 }),
        updates: someUsers,
      });
      await fc.assert(
        fc.asyncProperty(fc.array(churn, { minLength: 3, maxLength: 25 }), async (churns) => {
          await openSource();
          const { workspace } = source.simulator;
          const atFirst = listedIds(source.simulator);
          const stop = source.simulator.onRequest(({ number }) => {
            source.passTime(700);
            const { deletes = [], creates = 0, updates = [] } = churns[number - 1] ?? {};
            for (const at of deletes) workspace.delete(workspace.anyId(at) ?? '');
            for (let count = 0; count < creates; count += 1) workspace.create();
            for (const at of updates)
              workspace.update(workspace.anyId(at) ?? '', { last_request_at: source.nowSeconds() });
          });
          const { report, warned } = await source.sync(asked, { perPage: 7 });
          stop();
          const stored = await source.storedIds();
          const missing = atFirst.filter((id) => workspace.get(id) && !stored.has(id));
          const isTold =
            report.error !== null ||
            ['order_may_skip', 'count_mismatch'].some((event) => warned.includes(event));
          expect(missing.length === 0 || isTold).toBe(true);
          if (isSafe(asked)) expect(missing).toEqual([]);
          expect(await source.watermark()).toBeNull();
        }),
        rounds(2),
      );
    },
    SEARCH_MAX_MS,
  );
});

describe('an order in which rows are passed over', () => {
  test('goes on by scroll when more are missing than a count may be wrong by', async () => {
    await openSource();
    const ids = listedIds(source.simulator);
    const { workspace } = source.simulator;
    const oldestFirst = [...ids].sort((a, b) => timeOf(a) - timeOf(b));
    // Users jump to the end as soon as they were read, and those behind them slide.
    const stop = beforePages(source.simulator, 'updated_at', (page) => {
      if (page > 1 && page < 6)
        for (const id of oldestFirst.splice(0, 5)) workspace.update(id, { name: 'Changed' });
    });
    const { json, warned } = await source.sync(
      { sort: 'updated_at', order: 'asc' },
      { perPage: 10 },
    );
    stop();
    expect(json).toMatchObject({ status: 'succeeded' });
    expect(warned).toEqual(['order_may_skip', 'list_incomplete']);
    expect(await source.difference()).toMatchObject({ missing: 0, ghosts: 0 });
  });

  function timeOf(id: string): number {
    return Number(source.simulator.workspace.get(id)?.updated_at);
  }

  test('tells so where one comes and one goes, and the count hides it', async () => {
    await openSource();
    const { workspace } = source.simulator;
    const ids = listedIds(source.simulator).reverse();
    const stop = beforePages(source.simulator, 'created_at', (page) => {
      if (page !== 2) return;
      workspace.delete(ids[0] ?? '');
      workspace.create();
    });
    const { warned } = await source.sync({ sort: 'created_at', order: 'asc' });
    stop();
    expect(warned).toEqual(['order_may_skip']);
    expect(await source.difference()).toMatchObject({ missing: 1 });
  });
});

test('users of the last days, asked for newest first, are all read while users leave the window', async () => {
  await openSource(60);
  const { workspace } = source.simulator;
  // The oldest leave the window of ten days while it is read, and one that was read is deleted.
  for (let at = 0; at < 60; at += 1)
    workspace.create({ created_at: source.nowSeconds() - (10 * DAY_MS) / 1000 + at * 10 });
  const stop = beforePages(source.simulator, 'created_at', (page) => {
    source.passTime(5_000);
    if (page === 3) workspace.delete(listedIds(source.simulator)[0] ?? '');
  });
  const { json } = await source.sync({ createdSinceDays: 10 }, { perPage: 7 });
  stop();
  const stored = await source.storedIds();
  const windowFrom = source.nowSeconds() - (10 * DAY_MS) / 1000;
  const recent = workspace.users().filter(({ created_at: at }) => Number(at) >= windowFrom);
  expect(recent.length).toBeGreaterThan(10);
  expect(recent.filter(({ id }) => !stored.has(String(id)))).toEqual([]);
  expect(json).toMatchObject({ status: 'succeeded', mode: 'incremental' });
  expect(await source.watermark()).toBeNull();
});
