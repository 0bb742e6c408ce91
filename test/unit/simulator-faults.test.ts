import { describe, expect, test } from 'vitest';
import { credentials, ids, open, readList, stoppedClock, visit } from './simulator-visit.ts';

describe('the limit of the list', () => {
  const faults = { limitRows: 100 };

  test('is 10,000 rows: page 200 of fifty is served and 201 refused', async () => {
    const simulator = await open({ users: 10_050 });
    const last = await visit(simulator, '/users?page=200');
    expect(last.page.users).toHaveLength(50);
    expect(new URL(last.page.pages.next ?? '').searchParams.get('page')).toBe('201');
    const { status, errors } = await visit(simulator, '/users?page=201');
    expect(status).toBe(400);
    expect(errors).toEqual([
      { code: 'bad_request', message: 'page limit reached, please use scroll API' },
    ]);
  });

  test('holds for filtered lists too', async () => {
    const simulator = await open({ users: 500, faults });
    const { status } = await visit(simulator, '/users?page=3&created_since=2000');
    expect(status).toBe(400);
  });

  test('has the face of an unknown parameter', async () => {
    const simulator = await open({ faults: { ...faults, limit: 'model' } });
    const { status, errors } = await visit(simulator, '/users?page=3');
    expect(status).toBe(400);
    expect(errors).toEqual([{ code: 'parameter_invalid', message: "'page' not found on model" }]);
  });

  test('has the face of an empty last page', async () => {
    const simulator = await open({ faults: { ...faults, limit: 'emptied' } });
    const pages = await readList(simulator);
    expect(pages.map((page) => page.total_count)).toEqual([130, 130, 0]);
    expect(pages[2]).toMatchObject({ users: [], pages: { next: null, page: 3, total_pages: 0 } });
  });

  test('can be absent', async () => {
    const simulator = await open({ faults: { ...faults, limit: 'none' } });
    expect(ids(await readList(simulator))).toHaveLength(130);
  });

  test('refuses, serves or cuts a page that crosses it', async () => {
    const simulator = await open({ faults });
    const crossing = '/users?per_page=60&page=2';
    expect((await visit(simulator, crossing)).status).toBe(400);
    simulator.faults.straddlingPage = 'served';
    expect((await visit(simulator, crossing)).page.users).toHaveLength(60);
    expect((await visit(simulator, '/users?page=3')).status).toBe(400);
    simulator.faults.straddlingPage = 'cut';
    expect((await visit(simulator, crossing)).page.users).toHaveLength(40);
    expect((await visit(simulator, '/users?per_page=60&page=3')).status).toBe(400);
  });
});

describe('the count', () => {
  async function counts(faults: Parameters<typeof open>[0]): Promise<unknown[]> {
    const simulator = await open({ users: 130, ...faults });
    return (await readList(simulator)).map((page) => page.total_count);
  }

  test('is capped, and the list with it', async () => {
    const faults = { limitRows: 100, totalCount: 'capped' as const };
    expect(await counts({ faults })).toEqual([100, 100]);
  });

  test('is missing', async () => {
    expect(await counts({ faults: { totalCount: 'missing' } })).toEqual(Array(3).fill(undefined));
  });

  test('is off by so many, and the list goes to its true end', async () => {
    const faults = { totalCount: 'off' as const, totalCountOff: 4 };
    expect(await counts({ faults })).toEqual([134, 134, 134]);
    expect(await counts({ faults: { ...faults, totalCountOff: -4 } })).toEqual([126, 126, 126]);
  });

  test('falls from page to page although nobody goes', async () => {
    const faults = { totalCount: 'falling' as const, totalCountOff: 10 };
    expect(await counts({ faults })).toEqual([130, 120, 110]);
  });
});

describe('the shape of a page', () => {
  test('ends with next null, next absent or empty pages', async () => {
    const simulator = await open({ users: 10 });
    const pages = async () => (await visit(simulator, '/users')).page.pages;
    expect(await pages()).toHaveProperty('next', null);
    simulator.faults.end = 'absent';
    expect(await pages()).not.toHaveProperty('next');
    expect(await pages()).toHaveProperty('total_pages', 1);
    simulator.faults.end = 'empty';
    expect(await pages()).toEqual({});
  });

  test('has its next page in every form of end', async () => {
    for (const end of ['null', 'absent', 'empty'] as const) {
      const simulator = await open({ faults: { end } });
      expect(ids(await readList(simulator))).toHaveLength(130);
    }
  });

  test('lacks limited and the type of pages, as older samples do', async () => {
    const simulator = await open({ faults: { limitedAbsent: true, pagesTypeAbsent: true } });
    const { page } = await visit(simulator, '/users');
    expect(Object.keys(page)).toEqual(['type', 'total_count', 'users', 'pages']);
    expect(Object.keys(page.pages)).toEqual(['next', 'page', 'per_page', 'total_pages']);
  });

  test('drops the filters from next', async () => {
    const simulator = await open({ faults: { nextFilters: 'paging' } });
    const next = async () =>
      new URL((await visit(simulator, '/users?per_page=20&sort=updated_at')).page.pages.next ?? '')
        .search;
    expect(await next()).toBe('?per_page=20&page=2');
    simulator.faults.nextFilters = 'dropped';
    expect(await next()).toBe('?page=2');
  });

  test('sends the client to another host', async () => {
    const simulator = await open({ faults: { nextOrigin: 'http://elsewhere.invalid:1' } });
    const { page } = await visit(simulator, '/users');
    expect(page.pages.next).toBe('http://elsewhere.invalid:1/users?per_page=50&page=2');
  });

  test('names in next the host that was asked', async () => {
    const simulator = await open();
    const { port } = new URL(simulator.url);
    const response = await fetch(`http://localhost:${port}/users`, { headers: credentials });
    const { pages } = (await response.json()) as { pages: { next: string } };
    expect(pages.next).toBe(`http://localhost:${port}/users?per_page=50&page=2`);
  });
});

describe('order', () => {
  test('of equal times changes from request to request', async () => {
    const simulator = await open({ users: 0, faults: { unstableTies: true } });
    for (let count = 0; count < 150; count += 1) simulator.workspace.create();
    simulator.workspace.create({ created_at: 1, id: 'oldest' });
    const first = ids([(await visit(simulator, '/users')).page]);
    expect(ids([(await visit(simulator, '/users')).page])).not.toEqual(first);
    const pages = await readList(simulator);
    expect(ids(pages)).toHaveLength(151);
    expect(new Set(ids(pages)).size).toBeLessThan(151);
    expect(ids(pages).at(-1)).toBe('oldest');
  });

  test('by updated_at follows an index that is behind the rows', async () => {
    const clock = stoppedClock();
    const simulator = await open({ users: 3, now: clock, faults: { indexLagMs: 2_000 } });
    const query = '/users?sort=updated_at&order=desc';
    const read = async () => (await visit(simulator, query)).page;
    const before = ids([await read()]);
    const last = String(before[2]);
    simulator.workspace.update(last, { name: 'Changed' });
    const born = simulator.workspace.create();
    clock.move(1_999);
    const behind = await read();
    expect(ids([behind])).toEqual(before);
    expect(behind.users[2]?.name).toBe('Changed');
    expect((await visit(simulator, '/users')).page.total_count).toBe(4);
    clock.move(1);
    expect(ids([await read()]).sort()).toEqual([...before, born.id].sort());
    expect(ids([await read()]).slice(2)).toEqual(before.slice(0, 2));
  });
});

test('the workspace changes by itself before each page', async () => {
  const faults = { updatesPerPage: 2, createsPerPage: 3, deletesPerPage: 1 };
  const clock = stoppedClock();
  const simulator = await open({ now: clock, faults });
  await visit(simulator, '/users');
  await visit(simulator, '/users/scroll');
  await visit(simulator, '/me');
  expect(simulator.workspace.size).toBe(130 + 2 * (3 - 1));
  const now = clock().getTime() / 1000;
  const touched = simulator.workspace.users().filter((user) => user.updated_at === now);
  expect(touched.length).toBeGreaterThan(6);
});
