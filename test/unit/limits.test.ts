import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { serve } from '../support/canned-server.ts';
import { FINE, inSeconds, limit, REFUSED, rate } from './limited.ts';

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

  test('is not overdrawn by one who comes just as it opens to those who wait', async () => {
    const { server, windows, refused } = await serveWindows(3);
    const late: Promise<unknown>[] = [];
    const { call } = limit(server.url, {
      onAnswer: () => {
        if (late.length < 5) late.push(call());
      },
    });
    await Promise.all(Array.from({ length: 6 }, () => call()));
    await Promise.all(late);
    expect(Math.max(...windows())).toBeLessThanOrEqual(3);
    expect(refused()).toBe(0);
  });

  test('is not overdrawn by one who waits behind calls that did not have to', async () => {
    const { server, windows, refused } = await serveWindows(6);
    const { call } = limit(server.url);
    // The second waits for what the first is told; four more are free then, and the last is not.
    await Promise.all([call(), call()]);
    for (let calls = 0; calls < 5; calls += 1) await call();
    expect(server.requests).toHaveLength(7);
    expect(Math.max(...windows())).toBeLessThanOrEqual(6);
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
    const headers = rate(100, 90, inSeconds(10));
    const server = await serve(() => ({ ...FINE, headers }));
    const limited = limit(server.url, { share: 0.5 });
    expect(limited.callsLeft()).toBeNull();
    await limited.call();
    expect(limited.callsLeft()).toBe(49);
    await limited.call();
    expect(limited.callsLeft()).toBe(48);
    await limited.close();
  });

  test('is nothing where others have overdrawn the window', async () => {
    const server = await serve(() => ({ ...FINE, headers: rate(100, -2, inSeconds(10)) }));
    const limited = limit(server.url);
    await limited.call();
    expect(limited.callsLeft()).toBe(0);
    await limited.close();
  });

  test('stays unknown to a server that tells of no limit, and nothing is held back', async () => {
    const all = Promise.withResolvers<void>();
    const server = await serve(async (_, index) => {
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
