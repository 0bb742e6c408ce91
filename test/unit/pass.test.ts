import { expect, test } from 'vitest';
import { SyncError } from '../../src/errors.ts';
import { limit, memoryStore, pageOf, people, tellRun } from '../support/memory-parts.ts';

const idle = () => new Promise((resolve) => setImmediate(resolve));

/** Which pages were begun when the first of them landed; the first two are those of a list. */
async function begunWhenFirstLands(lists: Parameters<typeof pageOf>[0][]): Promise<number[]> {
  const store = memoryStore({}, []);
  const { writePage } = store;
  const begun: number[] = [];
  let whenFirstLands: number[] = [];
  store.writePage = async (page) => {
    begun.push(page.sequence);
    await page.before;
    for (let turn = 0; turn < 9; turn += 1) await idle();
    if (page.sequence === 1) whenFirstLands = [...begun];
    return writePage(page);
  };
  const total = new Set(lists.flat().map(({ id }) => id)).size;
  const list = lists.map((users) => pageOf(users, total));
  const updated = [pageOf(lists[0]?.slice(0, 1) ?? [], total)];
  const { report } = await tellRun(
    { passes: { list: [list], updated: [updated] } },
    {},
    {},
    { acquireStore: async () => store },
  );
  expect(report.error).toBeNull();
  return whenFirstLands;
}

test('a page is begun while the one before it is written, and no other', async () => {
  expect(await begunWhenFirstLands([people(3, 'a'), people(3, 'b'), people(3, 'c')])).toEqual([
    1, 2,
  ]);
});

test('a page that shares a user with the one before it waits until that one is written', async () => {
  expect(await begunWhenFirstLands([people(3, 'a'), [{ id: 'a2' }, { id: 'b' }]])).toEqual([1]);
});

test('two pages with somebody who has no id wait for each other: it may be the same', async () => {
  const nobody = { id: null };
  expect(await begunWhenFirstLands([[...people(2), nobody], [nobody]])).toEqual([1]);
});

test('of two pages under way the first that failed is what the run ends with', async () => {
  const store = memoryStore({}, []);
  const befores: boolean[] = [];
  store.writePage = async ({ sequence, before }) => {
    await idle();
    await idle();
    if (sequence === 1) throw new SyncError('database', 'first', null);
    befores.push(await before);
    throw new SyncError('database', 'second', null);
  };
  const list = [pageOf(people(3, 'a'), 6), pageOf(people(3, 'b'), 6)];
  const { report } = await tellRun(
    { passes: { list: [list] } },
    {},
    {},
    { acquireStore: async () => store },
  );
  expect(report.error).toMatchObject({ message: 'first' });
  expect(befores).toEqual([false]);
});

test('the limit is not noted before the page in front of it has landed', async () => {
  const store = memoryStore({}, []);
  const story: string[] = [];
  const { writePage, markLimitReached } = store;
  store.writePage = async (page) => {
    for (let turn = 0; turn < 9; turn += 1) await idle();
    story.push(`write ${page.pass}`);
    return writePage(page);
  };
  store.markLimitReached = async (runId) => {
    story.push('limit');
    return markLimitReached(runId);
  };
  const passes = { list: [[pageOf(people(3), 3), limit()]], scroll: [[pageOf(people(3), 3)]] };
  await tellRun({ passes }, {}, {}, { acquireStore: async () => store });
  expect(story.slice(0, 2)).toEqual(['write list', 'limit']);
});
