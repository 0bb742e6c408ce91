import { describe, expect, test } from 'vitest';
import {
  type CannedServer,
  closedPort,
  errorList,
  inTurn,
  type Reply,
  serve,
} from '../support/canned-server.ts';
import { manyUsers } from '../support/recorded-users.ts';
import { openSource, readAll } from './list-table.ts';

const SCROLL = { name: 'scroll' } as const;

const pageOf = (from: number, count: number, param: string | null = 'p'): Reply => ({
  body: {
    type: 'user.list',
    users: manyUsers(from + count).slice(from),
    ...(param === null ? {} : { scroll_param: param }),
  },
});
const END = pageOf(0, 0);

const params = (server: CannedServer) =>
  server.requests.map(({ query }) => query.get('scroll_param'));

describe('a scroll', () => {
  test('is asked for without a parameter, and then with the one it was given', async () => {
    const server = await serve(inTurn(pageOf(0, 100), pageOf(100, 100), pageOf(200, 37), END));
    const { ids, pages, end } = await readAll(openSource(server.url), SCROLL);
    expect(end).toBe('complete');
    expect(ids).toEqual(manyUsers(237).map(({ id }) => id));
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/users/scroll',
      '/users/scroll?scroll_param=p',
      '/users/scroll?scroll_param=p',
      '/users/scroll?scroll_param=p',
    ]);
    // The empty page at the end is a page, too; none says where to go on, or counts.
    expect(pages).toHaveLength(4);
    for (const page of pages) expect(page).toMatchObject({ page: null, next: null });
    for (const page of pages) expect(page.totalCount).toBeNull();
  });

  test('goes on with the latest parameter, encoded, where it changes', async () => {
    const server = await serve(
      inTurn(pageOf(0, 2, 'a/b+c'), pageOf(2, 2, 'two'), pageOf(4, 2, null), END),
    );
    const { ids } = await readAll(openSource(server.url), SCROLL);
    expect(ids).toHaveLength(6);
    expect(params(server)).toEqual([null, 'a/b+c', 'two', 'two']);
  });

  test('is not ended by a short page, only by an empty one', async () => {
    const server = await serve(
      inTurn(pageOf(0, 1), pageOf(1, 100), pageOf(101, 3), pageOf(104, 1), END),
    );
    expect((await readAll(openSource(server.url), SCROLL)).ids).toHaveLength(105);
  });

  test('of an empty workspace is one empty page', async () => {
    const server = await serve(() => END);
    const { pages } = await readAll(openSource(server.url), SCROLL);
    expect(pages).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });

  test.each(['', null, undefined])('ends whatever its last parameter is: %o', async (param) => {
    const end = { body: { type: 'user.list', users: [], scroll_param: param } };
    const server = await serve(inTurn(pageOf(0, 5), end));
    const { ids } = await readAll(openSource(server.url), SCROLL);
    expect(ids).toHaveLength(5);
    expect(server.requests).toHaveLength(2);
  });

  test('waits out a 429 and asks with the same parameter: nothing was carried out', async () => {
    const wait: Reply = {
      status: 429,
      headers: { 'retry-after': '0' },
      body: errorList('rate_limit_exceeded'),
    };
    const server = await serve(inTurn(wait, pageOf(0, 9), wait, wait, wait, pageOf(9, 9), END));
    const source = openSource(server.url);
    expect((await readAll(source, SCROLL)).ids).toHaveLength(18);
    expect(params(server)).toEqual([null, null, 'p', 'p', 'p', 'p', 'p']);
    expect(new Set(source.waits.map(({ reason }) => reason))).toEqual(new Set(['rate_limit']));
  });
});

const cutBody: Reply = (response) => {
  response.writeHead(200, { 'content-length': '500' });
  response.write('{"users":[', () => response.destroy());
};
const reset: Reply = (response) => void response.destroy();
const silent: Reply = () => {};

/** After each of these the cursor may stand behind a page that was never read. */
const LOST: [string, Reply][] = [
  ['a 500', { status: 500, body: errorList('server_error', 'Please restart the scroll') }],
  ['a 500 with the body null', { status: 500, body: 'null' }],
  ['a 502 in HTML', { status: 502, body: '<html>Bad Gateway</html>' }],
  ['a 503', { status: 503, body: errorList('service_unavailable') }],
  ['a 408', { status: 408, body: errorList('request_timeout') }],
  ['a 404', { status: 404, body: errorList('not_found', 'scroll parameter not found') }],
  ['a 404 in HTML', { status: 404, body: '<html>Not Found</html>' }],
  ['a not_found in a 200', { status: 200, body: errorList('not_found') }],
  ['a connection that is reset', reset],
  ['a body that is cut off', cutBody],
  ['an answer that never comes', silent],
  ['an empty 200', { status: 200, body: '' }],
  ['half of a JSON text', { status: 200, body: '{"users":[{"id":"u1"},' }],
  ['an error.list in a 200', { status: 200, body: errorList('server_error') }],
];

describe('a scroll that is lost', () => {
  test.each(LOST)(
    'by %s begins anew and never asks with the old parameter again',
    async (_, lost) => {
      const server = await serve(
        inTurn(pageOf(0, 4, 'old'), lost, pageOf(0, 4, 'new'), pageOf(4, 4, 'new'), END),
      );
      const source = openSource(server.url, { requestTimeoutMs: 300 });
      const { ids, end } = await readAll(source, SCROLL);
      expect(end).toBe('complete');
      expect(params(server)).toEqual([null, 'old', null, 'new', 'new']);
      expect(new Set(ids).size).toBe(8);
      expect(source.waits).toEqual([
        { reason: 'scroll_lost', waitMs: 1, status: null, message: null },
      ]);
    },
  );

  test('by its first request waits too: a scroll may have been opened', async () => {
    const server = await serve(inTurn({ status: 500 }, pageOf(0, 4), END));
    const source = openSource(server.url);
    expect((await readAll(source, SCROLL)).ids).toHaveLength(4);
    expect(source.waits).toHaveLength(1);
  });

  test('begins anew three times, and then is a failure of the source', async () => {
    const server = await serve((request) =>
      request.query.has('scroll_param') ? { status: 500 } : pageOf(0, 4),
    );
    const source = openSource(server.url);
    await expect(readAll(source, SCROLL)).rejects.toMatchObject({
      kind: 'source',
      exitCode: 4,
      message: expect.stringContaining('500'),
    });
    expect(params(server)).toEqual([null, 'p', null, 'p', null, 'p', null, 'p']);
    expect(source.waits).toHaveLength(3);
  });

  test('by a page that comes again and again begins anew', async () => {
    const server = await serve(
      inTurn(pageOf(0, 4, 'x'), pageOf(0, 4, 'x'), pageOf(0, 4, 'x'), pageOf(0, 4, 'y'), END),
    );
    await readAll(openSource(server.url), SCROLL);
    expect(params(server)).toEqual([null, 'x', 'x', null, 'y']);
  });

  test('is not one whose pages come twice, each in its turn', async () => {
    const [first, second] = [pageOf(0, 4), pageOf(4, 4)];
    const server = await serve(inTurn(first, first, second, second, END));
    const source = openSource(server.url);
    await readAll(source, SCROLL);
    expect(source.waits).toEqual([]);
    expect(server.requests).toHaveLength(5);
  });

  test('begins anew when the wait is over, and not before', async () => {
    const askedAtMs: number[] = [];
    const answer = inTurn({ status: 500 }, END);
    const server = await serve((request, index) => {
      askedAtMs.push(performance.now());
      return answer(request, index);
    });
    await readAll(openSource(server.url, { restartWaitMs: 200 }), SCROLL);
    // A timer may fire a millisecond early.
    expect((askedAtMs[1] ?? 0) - (askedAtMs[0] ?? 0)).toBeGreaterThanOrEqual(199);
  });

  test('by a first page without a parameter begins anew', async () => {
    const server = await serve(inTurn(pageOf(0, 4, null), pageOf(0, 4), END));
    const source = openSource(server.url);
    expect((await readAll(source, SCROLL)).ids).toHaveLength(8);
    expect(params(server)).toEqual([null, null, 'p']);
    expect(source.waits).toHaveLength(1);
  });
});

describe('a scroll of somebody else', () => {
  const taken: Reply = {
    status: 400,
    body: errorList('scroll_exists', 'scroll already exists for this workspace'),
  };

  test('is waited for', async () => {
    const server = await serve(inTurn(taken, taken, pageOf(0, 4), END));
    const source = openSource(server.url);
    expect((await readAll(source, SCROLL)).ids).toHaveLength(4);
    expect(source.waits.map(({ reason }) => reason)).toEqual(['scroll_taken', 'scroll_taken']);
  });

  test('is waited for a bounded time, and then told of with who may hold it', async () => {
    const server = await serve(() => taken);
    const read = readAll(openSource(server.url), SCROLL);
    await expect(read).rejects.toMatchObject({
      kind: 'source',
      message: expect.stringContaining('scroll_exists'),
      hint: expect.stringMatching(/another program or vendor/),
    });
    expect(server.requests).toHaveLength(1 + 5);
  });

  test('after our own broke is waited for apart from the restarts', async () => {
    const broken: Reply = { status: 500 };
    const page = pageOf(0, 4);
    const server = await serve(
      inTurn(broken, taken, taken, broken, taken, broken, taken, taken, page, END),
    );
    expect((await readAll(openSource(server.url), SCROLL)).ids).toHaveLength(4);
  });
});

describe('a scroll ends at once', () => {
  test.each<[string, Reply]>([
    ['credentials', { status: 401, body: errorList('token_revoked') }],
    ['credentials', { status: 403, body: errorList('forbidden') }],
    ['credentials', { status: 404, body: errorList('token_not_found') }],
    ['settings', { status: 400, body: errorList('intercom_version_invalid') }],
    ['source', { status: 400, body: errorList('bad_request') }],
  ])('with %s when %o comes in its middle', async (kind, reply) => {
    const server = await serve(inTurn(pageOf(0, 4), reply));
    const source = openSource(server.url);
    await expect(readAll(source, SCROLL)).rejects.toMatchObject({ kind });
    expect(server.requests).toHaveLength(2);
    expect(source.waits).toEqual([]);
  });

  test('when nobody listens, after some tries', async () => {
    const source = openSource(await closedPort());
    await expect(readAll(source, SCROLL)).rejects.toMatchObject({ kind: 'source', exitCode: 4 });
    const reasons = source.waits.map(({ reason }) => reason);
    expect(reasons).toContain('retry');
    // A server that is being restarted is one more way for a scroll to break.
    expect(reasons.filter((reason) => reason === 'scroll_lost')).toHaveLength(3);
  });

  test('when it is stopped in a wait that would last an hour', async () => {
    const server = await serve(() => ({ status: 500 }));
    const stop = new AbortController();
    const waiting = Promise.withResolvers<void>();
    const source = openSource(server.url, {
      restartWaitMs: 3_600_000,
      signal: stop.signal,
      onWait: () => waiting.resolve(),
    });
    const stopped = expect(readAll(source, SCROLL)).rejects.toBe('stop');
    await waiting.promise;
    stop.abort('stop');
    await stopped;
    expect(server.requests).toHaveLength(1);
  });
});
