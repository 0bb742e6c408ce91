import { setTimeout as delay } from 'node:timers/promises';
import { isRetryable } from './faults.ts';

// Long enough for a restart or a failover of Postgres, short enough for a cron job to say so.
export const RECONNECT_MAX_MS = 60_000;
const FIRST_WAIT_MS = 100;
const WAIT_MAX_MS = 5_000;

/**
 * Does the work again while the database is away or two transactions are in each other's way.
 * The work must stand being done twice: whether a lost COMMIT arrived cannot be known.
 */
export async function withReconnect<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  reconnectMaxMs: number = RECONNECT_MAX_MS,
): Promise<T> {
  const startedMs = performance.now();
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MAX_MS)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const isLate = performance.now() - startedMs + waitMs > reconnectMaxMs;
      if (isLate || !isRetryable(error)) throw error;
    }
    await pause(waitMs, signal);
  }
}

/** Rejects with the signal's own reason, which says who asked to stop. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
