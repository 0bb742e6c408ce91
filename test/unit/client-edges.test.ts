import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/intercom/client.ts';
import { errorList, inTurn, serve } from '../support/canned-server.ts';

const open = (url: URL) =>
  createClient({ baseUrl: url, accessToken: 'token', apiVersion: '1.4', requestTimeoutMs: 60_000 });
const never = new AbortController().signal;
const to = (location: string) => ({ status: 302, headers: { location } });

describe('a redirect', () => {
  test('leads on from where the one before it led', async () => {
    const server = await serve(inTurn(to('/deep/down'), to('on?page=1'), { body: {} }));
    await open(server.url).get('/users', () => true, never);
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/users',
      '/deep/down',
      '/deep/on?page=1',
    ]);
  });

  test('that leads nowhere is an answer, and none that helps', async () => {
    const server = await serve(() => ({ status: 304 }));
    await expect(open(server.url).get('/users', () => true, never)).rejects.toMatchObject({
      kind: 'source',
      recovery: 'final',
      message: expect.stringContaining('was answered 304'),
    });
    expect(server.requests).toHaveLength(1);
  });

  test('to what is no address is a fault of the source, and no bug', async () => {
    const server = await serve(() => to('http://['));
    await expect(open(server.url).get('/users', () => true, never)).rejects.toMatchObject({
      kind: 'source',
      recovery: 'final',
    });
  });
});

test('a stop counts for more than what the answer turns out to be', async () => {
  const server = await serve(() => ({ body: {} }));
  const stop = new AbortController();
  const read = () => {
    stop.abort('stop');
    return null;
  };
  await expect(open(server.url).get('/users', read, stop.signal)).rejects.toBe('stop');
});

test.each([402, 403])('a %i is about the plan, whatever its code', async (status) => {
  const server = await serve(() => ({ status, body: errorList('something_new') }));
  await expect(open(server.url).get('/users', () => true, never)).rejects.toMatchObject({
    kind: 'credentials',
    recovery: 'final',
  });
});

test('a request of a scroll is named as one, without its parameter', async () => {
  const server = await serve(() => ({ status: 500 }));
  const asked = open(server.url).get('/users/scroll?scroll_param=p', () => true, never);
  await expect(asked).rejects.toThrow(`GET ${server.url.origin}/users/scroll was answered 500`);
});
