import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import { EQUAL } from '../support/sync.ts';
import { LIST, openList, readAll, TOKEN } from '../unit/list-table.ts';
import {
  beforePages,
  createGround,
  type Ground,
  listedIds,
  type MovingSource,
} from './moving-source.ts';
import { rounds, SEARCH_MAX_MS } from './rounds.ts';

const USERS = 137;

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

async function openSource(): Promise<MovingSource> {
  await source?.close();
  source = await ground.open({ users: USERS });
  return source;
}

/** Behind each page but the last. */
const boundariesOf = (perPage: number) =>
  Array.from({ length: Math.ceil(USERS / perPage) - 1 }, (_, at) => at + 1);
const boundaries = [50, 60, 7].flatMap((perPage) =>
  boundariesOf(perPage).map((boundary): [number, number] => [boundary, perPage]),
);

/** A first full run: nobody is in the table before it, so the sweep has nobody to find again. */
function runWhile(perPage: number, sort: string, change: (page: number, ids: string[]) => void) {
  const ids = listedIds(source.simulator);
  beforePages(source.simulator, sort, (page) => change(page, ids));
  return source.sync({ mode: 'full' }, { perPage });
}

/** So many of these go, from this place of the list on; who is gone already stays so. */
function remove(ids: readonly string[], from: number, count: number): void {
  const { workspace } = source.simulator;
  for (const id of ids.slice(from, from + count)) if (workspace.get(id)) workspace.delete(id);
}

test('whichever user that was read is deleted, and behind whichever page, the list reads all others', async () => {
  const simulator = await startSimulator({ users: USERS, token: TOKEN, rateLimitPerWindow: 1e9 });
  const { workspace } = simulator;
  try {
    for (const [boundary, perPage] of boundaries) {
      // Where pages are small one user of each stands for its neighbours.
      for (let place = 0; place < boundary * perPage; place += perPage === 7 ? 23 : 1) {
        const ids = listedIds(simulator);
        const [deleted = ''] = ids.splice(place, 1);
        const stop = beforePages(simulator, 'created_at', (page) => {
          if (page === boundary + 1) workspace.delete(deleted);
        });
        const read = await readAll(openList(new URL(simulator.url), perPage), LIST);
        stop();
        expect(workspace.get(deleted)).toBeUndefined();
        expect({ place, boundary, perPage, end: read.end }).toMatchObject({ end: 'complete' });
        expect(ids.filter((id) => !read.ids.includes(id))).toEqual([]);
        workspace.create();
      }
    }
  } finally {
    await simulator.close();
  }
});

describe('users that were read are deleted behind a page, and nobody else is missing', () => {
  test.each(boundaries)('one of them, behind page %i of %i each', async (boundary, perPage) => {
    await openSource();
    const place = (boundary * 37) % (boundary * perPage);
    const { json, warned } = await runWhile(perPage, 'created_at', (page, ids) => {
      if (page === boundary + 1) remove(ids, place, 1);
    });
    expect(json).toMatchObject({ status: 'succeeded' });
    expect(warned).toEqual([]);
    // Who was read before the deletion stays for now: the next full run finds out.
    expect(await source.difference()).toEqual({ missing: 0, stale: 0, ghosts: 1 });
  });

  test.each([2, 49, 50, 51])('%i of them, in each place in turn', async (count) => {
    for (const boundary of boundariesOf(50)) {
      await openSource();
      await runWhile(50, 'created_at', (page, ids) => {
        if (page === boundary + 1) remove(ids, 0, count);
      });
      expect(await source.difference()).toMatchObject({ missing: 0, stale: 0 });
      expect((await source.sync({ mode: 'full', allowMassDelete: true })).report.error).toBeNull();
      expect(await source.difference()).toEqual(EQUAL);
    }
  });

  test('one of them behind every single page', async () => {
    for (const perPage of [7, 50]) {
      await openSource();
      await runWhile(perPage, 'created_at', (page, ids) => page > 1 && remove(ids, page - 2, 1));
      expect(await source.difference()).toMatchObject({ missing: 0, stale: 0 });
    }
  });

  test('one of those that an updated pass has read', async () => {
    for (const boundary of boundariesOf(50)) {
      await openSource();
      await source.sync();
      const changed = listedIds(source.simulator);
      for (const id of changed) source.simulator.workspace.update(id, { name: 'Changed' });
      beforePages(source.simulator, 'updated_at', (page) => {
        if (page === boundary + 1) remove(changed, 0, 1);
      });
      await source.sync({ mode: 'incremental' });
      expect(await source.difference()).toMatchObject({ missing: 0, stale: 0 });
    }
  });
});

describe('a deletion that a creation in the same moment hides from the count', () => {
  test.each(boundaries)('skips nobody, behind page %i of %i each', async (boundary, perPage) => {
    await openSource();
    const { warned } = await runWhile(perPage, 'created_at', (page, ids) => {
      if (page !== boundary + 1) return;
      remove(ids, 0, 1);
      source.simulator.workspace.create();
    });
    expect(warned).toEqual([]);
    expect(await source.difference()).toEqual({ missing: 0, stale: 0, ghosts: 1 });
  });

  test('skips nobody where it happens behind every single page', async () => {
    await openSource();
    await runWhile(7, 'created_at', (page, ids) => {
      if (page === 1) return;
      remove(ids, page - 2, 1);
      source.simulator.workspace.create();
    });
    expect(await source.difference()).toMatchObject({ missing: 0, stale: 0 });
  });
});

test('users that change while an updated pass is read are found by it or by the next run', async () => {
  await openSource();
  await source.sync();
  const { workspace } = source.simulator;
  const ids = listedIds(source.simulator);
  source.passTime(60_000);
  for (const id of ids.slice(0, 100)) workspace.update(id, { name: 'Changed' });
  const stop = beforePages(source.simulator, 'updated_at', (page) => {
    source.passTime(1_000);
    // One that was read, one that is still to come, and one that the pass would not have reached.
    for (const place of [page - 1, 90 - page, 110 + page])
      workspace.update(ids[place] ?? '', { name: `Changed before page ${page}` });
  });
  await source.sync({ mode: 'incremental' }, { perPage: 7 });
  stop();
  expect(await source.difference()).toMatchObject({ missing: 0, ghosts: 0 });
  await source.sync({ mode: 'incremental' });
  expect(await source.difference()).toEqual(EQUAL);
});

interface Churn {
  readonly deletes: readonly number[];
  readonly creates: number;
  readonly updates: readonly number[];
}

const someUsers = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 4 });
const churn: fc.Arbitrary<Churn> = fc.record({
  deletes: someUsers,
  creates: fc.nat({ max: 4 }),
  updates: someUsers,
});

function stir({ deletes, creates, updates }: Churn): void {
  const { workspace } = source.simulator;
  for (const at of deletes) workspace.delete(workspace.anyId(at) ?? '');
  for (let count = 0; count < creates; count += 1) workspace.create();
  for (const at of updates) workspace.update(workspace.anyId(at) ?? '', { name: `Changed ${at}` });
}

test(
  'whatever comes, goes and changes before each page, what rests is whole and then equal',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(churn, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(7, 13, 50),
        async (churns, perPage) => {
          await openSource();
          const stop = source.simulator.onRequest(({ number }) => {
            source.passTime(700);
            stir(churns[number - 1] ?? { deletes: [], creates: 0, updates: [] });
          });
          expect((await source.sync({ mode: 'full' }, { perPage })).report.error).toBeNull();
          stop();
          await source.sync({ mode: 'incremental' }, { perPage });
          expect(await source.difference()).toMatchObject({ missing: 0, stale: 0 });
          await source.sync({ mode: 'full', allowMassDelete: true }, { perPage });
          expect(await source.difference()).toEqual(EQUAL);
        },
      ),
      rounds(8),
    );
  },
  SEARCH_MAX_MS,
);
