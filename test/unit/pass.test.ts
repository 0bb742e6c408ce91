import { expect, test } from 'vitest';
import { SyncError } from '../../src/errors.ts';
import { limit, memoryStore, pageOf, people, tellRun } from '../support/memory-parts.ts';

/** The second shares a user with the first and has to wait for it, the third need not. */
const OVERLAPPING = [
  pageOf([{ id: 'a' }, { id: 'b' }], 3),
  pageOf([{ id: 'b' }], 3),
  pageOf([{ id: 'c' }], 3),
];

const idle = () => new Promise((resolve) => setImmediate(resolve));

/** Which pages of a list were begun when the first of them landed. */
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

test('two pages are begun while the one before them is written, and no other', async () => {
  const pages = ['a', 'b', 'c', 'd'].map((name) => people(3, name));
  expect(await begunWhenFirstLands(pages)).toEqual([1, 2, 3]);
});

test('a page that shares a user with one that is under way waits until that one is written', async () => {
  const [one, another, shared] = [people(3, 'a'), people(3, 'b'), [{ id: 'a2' }, { id: 'c' }]];
  expect(await begunWhenFirstLands([one, shared])).toEqual([1]);
  expect(await begunWhenFirstLands([one, another, shared])).toEqual([1, 2]);
});

test('a page that waits keeps its number while the next one comes', async () => {
  const store = memoryStore({}, []);
  const { writePage } = store;
  const written: [number, string[]][] = [];
  store.writePage = async (page) => {
    for (let turn = 0; turn < 9; turn += 1) await idle();
    written.push([page.sequence, page.chosen.map(({ id }) => id)]);
    return writePage(page);
  };
  await tellRun({ passes: { list: [OVERLAPPING] } }, {}, {}, { acquireStore: async () => store });
  expect(written.sort(([a], [b]) => a - b).slice(0, 3)).toEqual([
    [1, ['a', 'b']],
    [2, ['b']],
    [3, ['c']],
  ]);
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

test('no page lands behind one that did not, though the page between them only waited', async () => {
  const store = memoryStore({}, []);
  const landed: number[] = [];
  store.writePage = async ({ sequence, before }) => {
    for (let turn = 0; turn < 9; turn += 1) await idle();
    if (sequence === 1) throw new SyncError('database', 'first', null);
    if (await before) landed.push(sequence);
    throw new SyncError('database', 'not landed', null);
  };
  const { report } = await tellRun(
    { passes: { list: [OVERLAPPING] } },
    {},
    {},
    { acquireStore: async () => store },
  );
  expect(report.error).toMatchObject({ message: 'first' });
  expect(landed).toEqual([]);
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
