import { createClient } from '../../src/intercom/client.ts';
import type { ApiError } from '../../src/intercom/faults.ts';
import { createLimitedClient, type RetryBounds } from '../../src/intercom/limits.ts';
import { errorList, type Reply } from '../support/canned-server.ts';

export const QUICK: RetryBounds = {
  retriesMax: 2,
  firstWaitMs: 1,
  longestWaitMs: 2,
  elapsedMaxMs: 60_000,
};
export const FINE: Reply = { body: { ok: true } };
export const REFUSED = errorList('rate_limit_exceeded', 'Exceeded rate limit of 83 in 10_seconds');

/** The client under its limiter, as the source puts them together. */
export function limit(url: URL, { share = 1, retry = QUICK, onAnswer = () => {} } = {}) {
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
    onAnswer,
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

export function rate(
  limitOf: number,
  remaining: number,
  resetSeconds: number,
): Record<string, string> {
  return {
    'x-ratelimit-limit': String(limitOf),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetSeconds),
  };
}

export const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
