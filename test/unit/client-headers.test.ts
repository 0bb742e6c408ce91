import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/intercom/client.ts';
import { serve } from '../support/canned-server.ts';

/** What an answer with these headers tells of the rate limit and the clock. */
async function headOf(headers: Record<string, string>) {
  const server = await serve(() => ({ headers, body: {} }));
  const client = createClient({
    baseUrl: server.url,
    accessToken: 'token',
    apiVersion: '1.4',
    requestTimeoutMs: 5_000,
  });
  return (await client.get('/users', () => true, new AbortController().signal)).head;
}

const at = (time: string) => `Tue, 23 Apr 2019 ${time} GMT`;

describe('calls that are left', () => {
  test.each([
    ['82', 82],
    ['0', 0],
    // Overdrawn is not the same as not told, which would mean no limit at all.
    ['-3', 0],
    ['many', null],
    ['1.5', null],
  ])('are read from %s as %o', async (remaining, calls) => {
    const { rate } = await headOf({ 'x-ratelimit-remaining': remaining });
    expect(rate.remaining).toBe(calls);
  });
});

describe('Retry-After', () => {
  test.each([
    ['3', 3],
    ['0', 0],
    [at('06:15:04'), 4],
    // A time that has passed, or none, tells nothing.
    [at('06:15:00'), null],
    [at('06:14:59'), null],
    ['soon', null],
    ['4.5', null],
  ])('of %s is %o seconds at 06:15:00', async (retryAfter, seconds) => {
    const { rate } = await headOf({ date: at('06:15:00'), 'retry-after': retryAfter });
    expect(rate.retryAfterSeconds).toBe(seconds);
  });

  test('is measured by our own clock where the answer tells none', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    const { date, rate } = await headOf({ date: '', 'retry-after': inAnHour });
    expect(date).toBeNull();
    expect(rate.retryAfterSeconds).toBeGreaterThan(3_000);
    expect(rate.retryAfterSeconds).toBeLessThanOrEqual(3_600);
  });
});
