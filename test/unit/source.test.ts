import { describe, expect, test } from 'vitest';
import { errorList, inTurn, serve } from '../support/canned-server.ts';
import { manyUsers, recordedUser } from '../support/recorded-users.ts';
import { openSource } from './list-table.ts';

const ME = { type: 'admin', email: 'ada@example.com', app: { type: 'app', id_code: 'exampleapp' } };

describe('/me', () => {
  test('tells the app, and the clock of Intercom', async () => {
    const date = 'Tue, 23 Apr 2019 06:15:00 GMT';
    const server = await serve(() => ({ headers: { date }, body: ME }));
    expect(await openSource(server.url).identify()).toEqual({
      appId: 'exampleapp',
      date: new Date(date),
    });
    expect(server.requests.map(({ path }) => path)).toEqual(['/me']);
  });

  test.each([403, 404])('may be refused with %i: then the users tell their app', async (status) => {
    const server = await serve(() => ({ status, body: errorList('forbidden') }));
    const { appId, date } = await openSource(server.url).identify();
    expect(appId).toBeNull();
    expect(date).toBeInstanceOf(Date);
    expect(server.requests).toHaveLength(1);
  });

  test('may tell no app', async () => {
    const server = await serve(() => ({ body: { type: 'admin' } }));
    expect((await openSource(server.url).identify()).appId).toBeNull();
  });

  test('ends a run with one request where the token is refused', async () => {
    const server = await serve(() => ({ status: 401, body: errorList('unauthorized') }));
    await expect(openSource(server.url).identify()).rejects.toMatchObject({ kind: 'credentials' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('one user', () => {
  test('is a page of one, with its text as it came', async () => {
    const text = JSON.stringify(recordedUser({ id: 'one' })).replace(
      '"session_count":7',
      '"n":1.10',
    );
    const server = await serve(() => ({ body: text }));
    const page = await openSource(server.url).user('one');
    expect(page).toMatchObject({ kind: 'page', page: null, next: null, totalCount: null });
    if (typeof page === 'string') throw new Error(page);
    expect(String(page.body)).toBe(`{"users":[${text}]}`);
    expect(page.userTexts().map(String)).toEqual([text]);
    expect(page.users).toHaveLength(1);
  });

  test('is gone where Intercom answers 404, and asked for once', async () => {
    const server = await serve(() => ({ status: 404, body: errorList('not_found') }));
    expect(await openSource(server.url).user('x')).toBe('gone');
    expect(server.requests).toHaveLength(1);
  });

  test('is not gone where a 404 is not said by Intercom: a proxy has such pages too', async () => {
    for (const body of ['<html>no such host</html>', '', {}]) {
      const server = await serve(() => ({ status: 404, body }));
      await expect(openSource(server.url).user('x')).rejects.toMatchObject({ kind: 'source' });
    }
  });

  test.each([200, 400, 401, 403, 500])('is not gone where Intercom answers %i', async (status) => {
    const server = await serve(() => ({ status, body: errorList('not_found') }));
    await expect(openSource(server.url).user('x')).rejects.toMatchObject({ name: 'SyncError' });
  });

  test('is not another user', async () => {
    const server = await serve(() => ({ body: recordedUser({ id: 'other' }) }));
    await expect(openSource(server.url).user('one')).rejects.toMatchObject({ kind: 'source' });
  });

  test.each(['.', '..', 'scroll'])('%s is not asked for: it is another address', async (id) => {
    const server = await serve(() => ({ status: 404 }));
    expect(await openSource(server.url).user(id)).toBe('unaskable');
    expect(server.requests).toEqual([]);
  });

  test.each(['a/../me', 'x?page=1', '%2e%2e', 'ä b#c', '../me'])(
    '%s is one step of a path',
    async (id) => {
      const server = await serve(() => ({ status: 404, body: errorList('not_found') }));
      await openSource(server.url).user(id);
      const [, users, step, ...more] = server.requests[0]?.path.split('/') ?? [];
      expect([users, decodeURIComponent(step ?? ''), more]).toEqual(['users', id, []]);
    },
  );
});

test('a page that Postgres could not hold is cleaned, and says by how much', async () => {
  const text = String.raw`{"users":[{"id":"a","name":"\u0000\ud800"}]}`;
  const server = await serve(() => ({ body: text }));
  const page = await openSource(server.url).newest();
  expect(page.cleaned).toBe(2);
  expect(JSON.parse(String(page.body))).toEqual({ users: [{ id: 'a', name: '\ufffd\ufffd' }] });
});

test('the newest page is asked for by the time of the update', async () => {
  const server = await serve(inTurn({ body: { users: manyUsers(3), total_count: 3 } }));
  const page = await openSource(server.url).newest();
  expect(page).toMatchObject({ page: 1, totalCount: 3 });
  expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
    page: '1',
    per_page: '50',
    sort: 'updated_at',
    order: 'desc',
  });
});

test('a source that is stopped asks nothing more', async () => {
  const server = await serve(() => ({ body: ME }));
  const stop = new AbortController();
  const source = openSource(server.url, { signal: stop.signal });
  await source.identify();
  stop.abort('stop');
  await expect(source.identify()).rejects.toBe('stop');
  expect(server.requests).toHaveLength(1);
});
