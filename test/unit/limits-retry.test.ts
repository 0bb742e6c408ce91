import { describe, expect, test } from 'vitest';
import { closedPort, errorList, inTurn, type Reply, serve } from '../support/canned-server.ts';
import { FINE, inSeconds, limit, QUICK, REFUSED, rate } from './limited.ts';

const inDate = (seconds: number) => new Date(inSeconds(seconds) * 1000).toUTCString();

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
    [
      'with a Retry-After that is a date',
      { date: inDate(0), 'retry-after': inDate(5), ...rate(5, 0, inSeconds(60)) },
      5_000,
      5_250,
    ],
    [
      'with a reset by a clock that is a day ahead of ours',
      { date: inDate(86_400), ...rate(5, 0, inSeconds(86_404)) },
      4_000,
      4_270,
    ],
    ['with a reset in the past', rate(5, 0, inSeconds(-30)), 10_000, 10_250],
    ['with a reset in an hour', rate(5, 0, inSeconds(3_600)), 60_000, 60_250],
    ['with a Retry-After of a day', { 'retry-after': '86400' }, 60_000, 60_250],
    ['with a reset in milliseconds', rate(5, 0, Date.now()), 10_000, 10_250],
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
    const throwBug = () => {
      throw bug;
    };
    const { signal } = new AbortController();
    const broken = limited.get('/users', throwBug, { signal, retryUnsure: true });
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
