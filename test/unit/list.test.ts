import { describe, expect, test } from 'vitest';
import type { Reader } from '../../src/intercom/client.ts';
import { NO_HEAD } from '../../src/intercom/faults.ts';
import { readList } from '../../src/intercom/list.ts';
import { serve } from '../support/canned-server.ts';
import { manyUsers, sampleOfAll, sampleOfThree } from '../support/recorded-users.ts';
import { LIST, openSource, readAll, serveTable, TOKEN } from './list-table.ts';

describe("the reference's samples", () => {
  test('the list of all counts 105 and goes on at page 2 without limited or pages.type', async () => {
    const server = await serve((request) => {
      if (request.query.get('page') !== '1') return { body: { users: [], total_count: 105 } };
      const sample = JSON.stringify(sampleOfAll());
      return { body: sample.replace('https://api.intercom.io', server.url.origin) };
    });
    const { pages } = await readAll(openSource(server.url), LIST);
    expect(pages[0]).toMatchObject({ page: 1, totalCount: 105, cleaned: 0 });
    expect(pages[0]?.users).toHaveLength(50);
    expect(pages[0]?.users[0]).toEqual({
      id: 'all0',
      appId: 'exampleapp',
      updatedAtSeconds: 1_556_000_100,
    });
    expect(new URLSearchParams(pages[0]?.next?.split('?')[1]).get('page')).toBe('2');
  });

  test.each(['email', 'phone'] as const)('the list by %s is one page of three', async (by) => {
    const server = await serve(() => ({ body: sampleOfThree(by) }));
    const value = by === 'email' ? 'grace+1@example.com' : '+1 212 555 0199';
    const { pages, end } = await readAll(openSource(server.url), { name: 'lookup', by, value });
    expect(end).toBe('complete');
    expect(pages).toHaveLength(1);
    expect(pages[0]).toMatchObject({ totalCount: 3, next: null });
    // The samples show users without updated_at, with ids of 25 and of 20 characters.
    expect(pages[0]?.users.map(({ id }) => id?.length)).toEqual([25, 20, 24]);
    expect(pages[0]?.users.map((user) => user.updatedAtSeconds)).toEqual([null, null, null]);
    expect(server.requests[0]?.query.get(by)).toBe(value);
    expect(server.requests[0]?.path).not.toContain(' ');
    expect(server.requests[0]?.path).not.toContain('@');
  });
});

describe('a list', () => {
  test.each([0, 1, 49, 50, 51, 100, 137])('of %i users is read whole, once', async (count) => {
    const server = await serveTable({ rows: manyUsers(count) });
    const { ids, end } = await readAll(openSource(server.url), LIST);
    expect(ids).toEqual(manyUsers(count).map(({ id }) => id));
    expect(end).toBe('complete');
    expect(server.requests).toHaveLength(Math.max(1, Math.ceil(count / 50)));
  });

  test.each([
    ['next is null', { next: null }],
    ['next is absent', { type: 'pages', page: 3, per_page: 50, total_pages: 3 }],
    ['pages is empty', {}],
    ['pages is absent', undefined],
  ])('ends where %s', async (_, end) => {
    const server = await serveTable({ rows: manyUsers(137), end });
    const read = await readAll(openSource(server.url), LIST);
    expect(read.ids).toHaveLength(137);
    expect(read.pages.map(({ next }) => next === null)).toEqual([false, false, true]);
  });

  test('asks for every filter on every page, though next drops them all', async () => {
    const server = await serveTable({
      rows: manyUsers(13),
      next: (address) => `${address.origin}/users?page=${address.searchParams.get('page')}`,
    });
    const source = openSource(server.url, { perPage: 5 });
    const pass = { ...LIST, name: 'created', sort: 'signed_up_at', order: 'asc' } as const;
    const { ids, pages } = await readAll(source, { ...pass, createdSinceDays: 3, resume: null });
    expect(ids).toHaveLength(13);
    const asked = { per_page: '5', sort: 'signed_up_at', order: 'asc', created_since: '3' };
    expect(server.requests.map(({ query }) => Object.fromEntries(query))).toEqual(
      ['1', '2', '3'].map((page) => ({ page, ...asked })),
    );
    expect(pages[0]?.next).toBe(server.requests[1]?.path);
  });

  test('of all asks for no created_since', async () => {
    const server = await serveTable({ rows: manyUsers(1) });
    await readAll(openSource(server.url, { perPage: 60 }), LIST);
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
      page: '1',
      per_page: '60',
      sort: 'created_at',
      order: 'desc',
    });
  });

  test('never tells where a lookup goes on, since the address holds a personal datum', async () => {
    const server = await serveTable({ rows: manyUsers(120) });
    const pass = { name: 'lookup', by: 'email', value: 'ada@example.com' } as const;
    const { pages, ids } = await readAll(openSource(server.url), pass);
    expect(ids).toHaveLength(120);
    expect(pages.map(({ next }) => next)).toEqual([null, null, null]);
    expect(server.requests.map(({ query }) => query.get('email'))).toEqual(
      Array(3).fill('ada@example.com'),
    );
  });

  test('is read under a path of the configured address', async () => {
    const server = await serveTable({
      rows: manyUsers(70),
      next: (address) => `${address.origin}/proxy/intercom/users${address.search}`,
    });
    const { ids } = await readAll(openSource(new URL('/proxy/intercom/', server.url)), LIST);
    expect(ids).toHaveLength(70);
    expect(server.requests[1]?.path).toMatch(/^\/proxy\/intercom\/users\?/);
  });
});

test('a list that never ends is ended after a hundred thousand pages', async () => {
  let pages = 0;
  const get = async <T>(_: string, read: Reader<T>) => {
    pages += 1;
    const json = { users: [{ id: 'u' }], pages: { next: `/users?page=${pages + 1}` } };
    return {
      value: read({ json, bytes: Buffer.of(), cleaned: 0, head: NO_HEAD }) as T,
      head: NO_HEAD,
    };
  };
  const list = readList(LIST, { perPage: 50, origin: 'http://127.0.0.1', get });
  const read = async () => {
    for await (const _ of list);
  };
  await expect(read()).rejects.toMatchObject({ kind: 'source' });
  expect(pages).toBe(100_000);
});

describe('pages.next', () => {
  test('on another origin is refused, and the token is never sent there', async () => {
    const thief = await serve(() => ({ body: sampleOfThree('email') }));
    const server = await serveTable({
      rows: manyUsers(60),
      next: ({ search }) => `${thief.url.origin}/users${search}`,
    });
    await expect(readAll(openSource(server.url), LIST)).rejects.toMatchObject({
      kind: 'source',
      exitCode: 4,
      message: expect.stringContaining(thief.url.origin),
    });
    expect(thief.requests).toEqual([]);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  test('may be relative', async () => {
    const server = await serveTable({
      rows: manyUsers(60),
      next: ({ search }) => `/users${search}`,
    });
    expect((await readAll(openSource(server.url), LIST)).ids).toHaveLength(60);
  });

  test.each([
    ['repeats its page', '/users?page=1'],
    ['skips a page', '/users?page=3'],
    ['names no page', '/users?per_page=50'],
    ['is no address', 'http://'],
    ['leads away from the users', '/companies?page=2'],
    ['names a host without a scheme', '//example.com/users?page=2'],
  ])('that %s is refused', async (_, next) => {
    const server = await serveTable({ rows: manyUsers(120), next: () => next });
    await expect(readAll(openSource(server.url), LIST)).rejects.toMatchObject({ kind: 'source' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('a pass over what was updated', () => {
  const updatedSince = (seconds: number) =>
    ({ name: 'updated', since: new Date(seconds * 1000) }) as const;

  test('asks for the newest first and stops behind the page that reaches below', async () => {
    const server = await serveTable({ rows: manyUsers(500, 10_000) });
    // Rows 0 to 59 are at or above the mark; row 60 is on page 2.
    const { pages, end } = await readAll(openSource(server.url), updatedSince(10_000 - 59));
    expect(pages).toHaveLength(2);
    expect(end).toBe('complete');
    for (const { query } of server.requests)
      expect(Object.fromEntries(query)).toMatchObject({ sort: 'updated_at', order: 'desc' });
  });

  test('reads on while the last user is at the mark itself: seconds are whole', async () => {
    const rows = manyUsers(120).map((user) => ({ ...user, updated_at: 9_000 }));
    const server = await serveTable({ rows });
    expect((await readAll(openSource(server.url), updatedSince(9_000))).ids).toHaveLength(120);
    expect((await readAll(openSource(server.url), updatedSince(9_001))).ids).toHaveLength(50);
  });

  test('is not ended by users without a time, or with one in milliseconds', async () => {
    const rows = manyUsers(150, 10_000).map((user, index) =>
      index === 49 ? { id: user.id } : index === 99 ? { ...user, updated_at: 9_901_000 } : user,
    );
    const server = await serveTable({ rows });
    const { pages } = await readAll(openSource(server.url), updatedSince(10_000 - 149));
    expect(pages).toHaveLength(3);
  });

  test('goes back for the changed users that a deletion moved to the page before', async () => {
    const rows = manyUsers(300, 10_000);
    const server = await serveTable({
      rows,
      after: (requests) => {
        if (requests === 1) rows.splice(10, 1);
      },
    });
    // Row 50 was the first of page 2; now it is the last of page 1, and page 2 reaches below.
    const { ids } = await readAll(openSource(server.url), updatedSince(10_000 - 60));
    expect(ids).toContain('u50');
  });
});
