import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/intercom/client.ts';
import type { ApiError } from '../../src/intercom/faults.ts';
import { createLimitedClient, type RetryBounds } from '../../src/intercom/limits.ts';
import {
  type CannedServer,
  closedPort,
  errorList,
  inTurn,
  type Reply,
  serve,
} from '../support/canned-server.ts';

const QUICK: RetryBounds = {
  retriesMax: 2,
  firstWaitMs: 1,
  longestWaitMs: 2,
  elapsedMaxMs: 60_000,
};
const FINE: Reply = { body: { ok: true } };
const REFUSED = errorList('rate_limit_exceeded', 'Exceeded rate limit of 83 in 10_seconds');

function limit(url: URL, { share = 1, retry = QUICK } = {}) {
  const retries: { waitMs: number; status: number | null }[] = [];
  const told = Promise.withResolvers<number>();
  const client = createClient({
    baseUrl: url,
    accessToken: 'token',
    apiVersion: '1.4',
    requestTimeoutMs: 5_000,
  });
  const limited = createLimitedClient(client, {
    rateShare: share,
    retry,
    onRetry: (error: ApiError, waitMs) => {
      retries.push({ waitMs, status: error.head.status });
      told.resolve(waitMs);
    },
  });
  const never = new AbortController().signal;
  const call = (signal = never, retryUnsure = true) =>
    limited.get('/users', ({ json }) => json, { signal, retryUnsure });
  return { ...limited, call, retries, firstRetry: told.promise };
}

/** Windows of one second, aligned to the clock, as Intercom's are of ten. */
async function serveWindows(callsPerWindow: number, usedByOthers = 0) {
  const windows = new Map<number, number>();
  let refused = 0;
  const server = await serve(() => {
    const second = Math.floor(Date.now() / 1000);
    const used = (windows.get(second) ?? usedByOthers) + 1;
    windows.set(second, used);
    const isOver = used > callsPerWindow;
    if (isOver) refused += 1;
    const headers = rate(callsPerWindow, Math.max(0, callsPerWindow - used), second + 1);
    return isOver ? { status: 429, headers, body: REFUSED } : { ...FINE, headers };
  });
  return { server, windows: () => [...windows.values()], refused: () => refused };
}

function rate(limitOf: number, remaining: number, resetSeconds: number): Record<string, string> {
  return {
    'x-ratelimit-limit': String(limitOf),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetSeconds),
  };
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

describe('a window', () => {
  test('never sees more calls than its share, one after another', async () => {
    const { server, windows, refused } = await serveWindows(6);
    const { call } = limit(server.url, { share: 0.5 });
    for (let calls = 0; calls < 10; calls += 1) await call();
    expect(Math.max(...windows())).toBeLessThanOrEqual(3);
    expect(server.requests).toHaveLength(10);
    expect(refused()).toBe(0);
  });

  test.each([
    [5, 1],
    [10, 0.5],
  ])('of %i never sees more calls than its share of %d, many at once', async (calls, share) => {
    const { server, windows, refused } = await serveWindows(calls);
    const { call } = limit(server.url, { share });
    await Promise.all(Array.from({ length: 18 }, () => call()));
    expect(Math.max(...windows())).toBeLessThanOrEqual(calls * share);
    expect(server.requests).toHaveLength(18);
    expect(refused()).toBe(0);
  });

  test('never sees more calls than others have left of it', async () => {
    const { server, windows, refused } = await serveWindows(20, 17);
    const { call } = limit(server.url);
    for (let calls = 0; calls < 8; calls += 1) await call();
    expect(Math.max(...windows())).toBeLessThanOrEqual(20);
    expect(refused()).toBe(0);
  });

  test('sees at least one call, however small the share', async () => {
    const { server } = await serveWindows(3);
    const { call } = limit(server.url, { share: 0.01 });
    for (let calls = 0; calls < 3; calls += 1) await call();
    expect(server.requests).toHaveLength(3);
  });
});

describe('what is left', () => {
  test('is unknown until Intercom has told, and then its share less what was used', async () => {
    const server = await serve(() => ({ ...FINE, headers: rate(100, 90, inSeconds(10)) }));
    const limited = limit(server.url, { share: 0.5 });
    expect(limited.callsLeft()).toBeNull();
    await limited.call();
    expect(limited.callsLeft()).toBe(49);
    await limited.call();
    expect(limited.callsLeft()).toBe(48);
    await limited.close();
  });

  test('stays unknown to a server that tells of no limit, and nothing is held back', async () => {
    const all = Promise.withResolvers<void>();
    const server: CannedServer = await serve(async (_, index) => {
      if (index === 40) all.resolve();
      // No answer before every call has come: had one been held back, none would end.
      if (index > 0) await all.promise;
      return FINE;
    });
    const limited = limit(server.url);
    await limited.call();
    expect(limited.callsLeft()).toBeNull();
    await Promise.all(Array.from({ length: 40 }, () => limited.call()));
    expect(server.requests).toHaveLength(41);
  });
});

describe('a 429', () => {
  test('is asked again with the same request, once the window has ended', async () => {
    const reset = inSeconds(2);
    let askedAgainAt = 0;
    const server = await serve((_, index) => {
      if (index === 0) return { status: 429, headers: rate(5, 0, reset), body: REFUSED };
      askedAgainAt = Date.now();
      return FINE;
    });
    const { call, retries } = limit(server.url);
    await call();
    expect(askedAgainAt).toBeGreaterThanOrEqual(reset * 1000);
    expect(server.requests.map(({ path }) => path)).toEqual(['/users', '/users']);
    expect(retries).toHaveLength(1);
  });

  test.each([
    ['without headers', {}, 10_000, 10_250],
    ['with Retry-After', { 'retry-after': '4', ...rate(5, 0, inSeconds(60)) }, 4_000, 4_250],
    ['with a reset in the past', rate(5, 0, inSeconds(-30)), 10_000, 10_250],
    ['with a reset in an hour', rate(5, 0, inSeconds(3_600)), 60_000, 60_250],
    ['with a Retry-After of a day', { 'retry-after': '86400' }, 60_000, 60_250],
    ['with a reset in milliseconds', rate(5, 0, Date.now()), 60_000, 60_250],
    ['with nonsense for a reset', { 'x-ratelimit-reset': 'soon' }, 10_000, 10_250],
  ])('%s is waited out within bounds', async (_, headers, least, most) => {
    const server = await serve(() => ({ status: 429, headers, body: REFUSED }));
    const stop = new AbortController();
    const { call, firstRetry, close } = limit(server.url);
    const ended = expect(call(stop.signal)).rejects.toBe('enough');
    const waitMs = await firstRetry;
    stop.abort('enough');
    await ended;
    // What is told is what is left of a wait that has begun.
    expect(waitMs).toBeGreaterThan(least - 100);
    expect(waitMs).toBeLessThanOrEqual(most);
    expect(server.requests).toHaveLength(1);
    await close();
  });

  test('uses up no try, neither before nor behind real failures', async () => {
    const wait: Reply = { status: 429, headers: { 'retry-after': '0' }, body: REFUSED };
    const broken: Reply = { status: 500 };
    const server = await serve(inTurn(wait, wait, wait, broken, broken, wait, wait, FINE));
    await limit(server.url).call();
    expect(server.requests).toHaveLength(8);
  });

  test('that never ends is given up on after a time, as a failure of the source', async () => {
    const server = await serve(() => ({
      status: 429,
      headers: { 'retry-after': '0' },
      body: REFUSED,
    }));
    const { call } = limit(server.url, { retry: { ...QUICK, elapsedMaxMs: 200 } });
    await expect(call()).rejects.toMatchObject({ kind: 'source', code: 'rate_limit_exceeded' });
  });
});

describe('a failure', () => {
  test.each([
    ['a 500', { status: 500 }],
    ['a 408', { status: 408, body: errorList('request_timeout') }],
    ['an empty answer', { body: '' }],
    ['text that is not JSON', { body: '<html>' }],
  ])('such as %s is asked again, so many times and no more', async (_, reply) => {
    const server = await serve(() => reply);
    const { call, retries } = limit(server.url);
    await expect(call()).rejects.toMatchObject({ kind: 'source' });
    expect(server.requests).toHaveLength(1 + QUICK.retriesMax);
    expect(retries).toHaveLength(QUICK.retriesMax);
  });

  test('that may have been carried out is not asked again where that matters', async () => {
    const server = await serve(() => ({ status: 500 }));
    await expect(limit(server.url).call(undefined, false)).rejects.toMatchObject({
      recovery: 'unsure',
    });
    expect(server.requests).toHaveLength(1);
  });

  test('to connect is asked again even there', async () => {
    const { call, retries } = limit(await closedPort());
    await expect(call(undefined, false)).rejects.toMatchObject({ recovery: 'unsent' });
    expect(retries).toHaveLength(QUICK.retriesMax);
  });

  test.each([400, 401, 403, 404, 422])('with status %i is final', async (status) => {
    const server = await serve(() => ({ status }));
    await expect(limit(server.url).call()).rejects.toMatchObject({ recovery: 'final' });
    expect(server.requests).toHaveLength(1);
  });

  test('of our own is neither repeated nor dressed up', async () => {
    const server = await serve(() => FINE);
    const limited = limit(server.url);
    const bug = new TypeError('a bug');
    const broken = limited.get('/users', () => Promise.reject(bug) && fail(bug), {
      signal: new AbortController().signal,
      retryUnsure: true,
    });
    await expect(broken).rejects.toBe(bug);
    expect(server.requests).toHaveLength(1);
    await limited.call();
  });

  test('without headers, as the first answers to many calls, does not hold the rest', async () => {
    const server = await serve((_, index) => (index < 3 ? { status: 500 } : FINE));
    const { call } = limit(server.url, { retry: { ...QUICK, retriesMax: 4 } });
    await Promise.all(Array.from({ length: 6 }, () => call()));
    expect(server.requests).toHaveLength(9);
  });
});

function fail(error: Error): never {
  throw error;
}

describe('a stop', () => {
  test('ends a call that waits for a window at once, and the others go on', async () => {
    const server = await serve((_, index) =>
      index === 0
        ? { ...FINE, headers: rate(1, 0, inSeconds(1)) }
        : { ...FINE, headers: rate(9, 8, inSeconds(10)) },
    );
    const { call, close } = limit(server.url);
    await call();
    const stop = new AbortController();
    const stopped = expect(call(stop.signal)).rejects.toBe('stop');
    const other = call();
    stop.abort('stop');
    await stopped;
    await other;
    expect(server.requests).toHaveLength(2);
    await close();
  });

  test('ends a request that is under way', async () => {
    const server = await serve(() => () => {});
    const stop = new AbortController();
    const stopped = expect(limit(server.url).call(stop.signal)).rejects.toBe('stop');
    await server.heard(1);
    stop.abort('stop');
    await stopped;
  });
});

test('a process stays alive while all that it does is wait for a window', async () => {
  const server = await serve((_, index) => ({
    ...FINE,
    headers: { connection: 'close', ...rate(1, 0, inSeconds(index === 0 ? 2 : 1)) },
  }));
  const script = `
    import { createClient } from '${new URL('../../src/intercom/client.ts', import.meta.url)}';
    import { createLimitedClient, RETRY_BOUNDS } from '${new URL('../../src/intercom/limits.ts', import.meta.url)}';
    const client = createClient({ baseUrl: new URL('${server.url}'), accessToken: 'token', apiVersion: '1.4', requestTimeoutMs: 5000 });
    const limited = createLimitedClient(client, { rateShare: 1, retry: RETRY_BOUNDS, onRetry() {} });
    const options = { signal: new AbortController().signal, retryUnsure: true };
    for (let calls = 0; calls < 2; calls += 1) await limited.get('/users', () => true, options);
    await limited.close();
    process.stdout.write('both answered');
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output).toBe('both answered');
});
