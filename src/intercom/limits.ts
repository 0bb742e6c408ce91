import Bottleneck from 'bottleneck';
import pRetry from 'p-retry';
import type { Got, IntercomClient, Reader } from './client.ts';
import { type AnswerHead, ApiError } from './faults.ts';

/**
 * When a request may be sent, and whether it is sent again. Bottleneck and p-retry are used here and
 * nowhere else.
 */
export interface LimitedClient {
  get<T>(pathAndQuery: string, read: Reader<T>, options: CallOptions): Promise<Got<T>>;
  /** What is left of this window for this program, null while Intercom has not told. */
  callsLeft(): number | null;
  /** Lets the process end. No request may follow. */
  close(): Promise<void>;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** False in a scroll: a request that may have been carried out must not be sent again. */
  readonly retryUnsure: boolean;
}

export interface LimitOptions {
  /** The part of the workspace's calls that this program may use, above 0 and up to 1. */
  readonly rateShare: number;
  readonly retry: RetryBounds;
  /** Told of each failed request that is sent again. */
  readonly onRetry: (error: ApiError, waitMs: number) => void;
  /** Told of each try that has ended, once its headers count: null where no answer came. */
  readonly onAnswer?: ((status: number | null) => void) | undefined;
}

export interface RetryBounds {
  readonly retriesMax: number;
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** All tries of one request, the waiting for the rate limit included. */
  readonly elapsedMaxMs: number;
}

/** About 15 seconds of waiting in all, unless the rate limit makes it longer. */
export const RETRY_BOUNDS: RetryBounds = {
  retriesMax: 5,
  firstWaitMs: 500,
  longestWaitMs: 30_000,
  elapsedMaxMs: 600_000,
};

// Windows last 10 s. A reset that is missing means that long; one far away is a wrong clock.
const WINDOW_MS = 10_000;
const WAIT_MAX_MS = 60_000;
// Added to every reset, so that a timer that fires a little early does not ask in the old window.
const RESET_MARGIN_MS = 20;
const JITTER_MS = 250;
// For an app that tells of no limit: more than a run makes, and subtraction stays exact.
const UNLIMITED_CALLS = 1e12;

export function createLimitedClient(client: IntercomClient, options: LimitOptions): LimitedClient {
  const budget = createBudget(options.rateShare);

  async function attempt<T>(path: string, read: Reader<T>, signal: AbortSignal): Promise<Got<T>> {
    let head: AnswerHead | null = null;
    let isRefused = false;
    try {
      const got = await client.get(path, read, signal);
      head = got.head;
      return got;
    } catch (error) {
      if (error instanceof ApiError) {
        head = error.head;
        isRefused = error.recovery === 'wait';
      }
      throw error;
    } finally {
      budget.observe(head, isRefused);
      if (head) options.onAnswer?.(head.status);
    }
  }

  return {
    get: (path, read, { signal, retryUnsure }) =>
      pRetry(() => budget.schedule(() => attempt(path, read, signal), signal), {
        // One more than are granted: with none left, p-retry would end at a 429 too.
        retries: options.retry.retriesMax + 1,
        factor: 2,
        minTimeout: options.retry.firstWaitMs,
        maxTimeout: options.retry.longestWaitMs,
        maxRetryTime: options.retry.elapsedMaxMs,
        randomize: true,
        signal,
        // The rate limit is no failure: the budget makes the next try wait for the next window.
        shouldConsumeRetry: ({ error }) => !isRateLimit(error),
        shouldRetry: ({ error, retryDelay, retriesConsumed }) => {
          if (!(error instanceof ApiError) || !isWorthRetrying(error, retryUnsure)) return false;
          if (!isRateLimit(error) && retriesConsumed >= options.retry.retriesMax) return false;
          options.onRetry(error, isRateLimit(error) ? budget.waitMs() : retryDelay);
          return true;
        },
      }),
    callsLeft: budget.callsLeft,
    close: budget.close,
  };
}

function isRateLimit(error: unknown): boolean {
  return error instanceof ApiError && error.recovery === 'wait';
}

function isWorthRetrying(error: ApiError, retryUnsure: boolean): boolean {
  if (error.recovery === 'unsure') return retryUnsure;
  return error.recovery === 'wait' || error.recovery === 'unsent';
}

/**
 * What the last answer's headers leave to us. One timer at the end of the window makes a single call
 * free, and that call's answer tells what the new window allows. The timer keeps the process alive, since
 * a job that waits in Bottleneck does not.
 */
function createBudget(rateShare: number) {
  const gate = createGate();
  let isTold = false;
  let usedInWindow = 0;
  let inFlight = 0;
  let windowEnd: { timer: NodeJS.Timeout; atMs: number; resetSeconds: number | null } | null = null;

  function openWindow(): void {
    windowEnd = null;
    usedInWindow = 0;
    gate.allow(1);
  }

  function endWindow(head: AnswerHead | null, jitterMs: number): void {
    if (windowEnd) clearTimeout(windowEnd.timer);
    const ms = msToReset(head) + jitterMs;
    const resetSeconds = head?.rate.resetSeconds ?? null;
    windowEnd = { timer: setTimeout(openWindow, ms), atMs: Date.now() + ms, resetSeconds };
  }

  function observe(head: AnswerHead | null, isRefused: boolean): void {
    inFlight -= 1;
    usedInWindow += 1;
    if (isRefused) {
      endWindow(head, Math.random() * JITTER_MS);
      gate.allow(0);
      return;
    }
    const { limit = null, remaining = null, resetSeconds = null } = head?.rate ?? {};
    if (limit !== null && remaining !== null) {
      isTold = true;
      if (windowEnd && windowEnd.resetSeconds !== resetSeconds) usedInWindow = 1;
      if (windowEnd?.resetSeconds !== resetSeconds) endWindow(head, 0);
      const ours = Math.max(1, Math.floor(limit * rateShare)) - usedInWindow;
      gate.allow(Math.max(0, Math.min(ours, remaining) - inFlight));
    } else if (!windowEnd) {
      // An answer without headers tells nothing: without a limit in the first, with the probe else.
      gate.allow(head?.status === 200 ? UNLIMITED_CALLS : 1);
    }
  }

  return {
    async schedule<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T> {
      await gate.pass(signal, () => {
        inFlight += 1;
      });
      return job();
    },
    observe,
    callsLeft: () => (isTold ? gate.callsFree() : null),
    waitMs: () => Math.max(0, (windowEnd?.atMs ?? 0) - Date.now()),
    async close() {
      if (windowEnd) clearTimeout(windowEnd.timer);
      await gate.close();
    },
  };
}

/**
 * Lets calls go as long as some are free. Bottleneck lets those go who have to wait, and sees nothing of
 * the call: what its jobs refer to is held until the next full collection, which is a hundred pages later
 * and more, each with its text and its users. Who need not wait pass it by: a turn takes it
 * milliseconds of timers, and so does each word with it.
 */
function createGate() {
  // Its own refresh is never used: any change of settings stops it for good.
  const limiter = new Bottleneck({ reservoir: 0, maxConcurrent: null, minTime: 0 });
  let waiting = 0;
  let free = 1;
  // How many of these are in its reservoir. It is told while somebody waits.
  let granted = 0;

  /** By the difference: calls that Bottleneck lets go meanwhile are then neither lost nor doubled. */
  function grant(): void {
    if (waiting === 0 || granted === free) return;
    // A failure here would be Bottleneck's bug.
    void limiter.incrementReservoir(free - granted);
    granted = free;
  }

  async function waitInTurn(signal: AbortSignal, begin: () => void): Promise<void> {
    waiting += 1;
    grant();
    await limiter.schedule(async () => {
      waiting -= 1;
      granted -= 1;
      // Nobody waits for this one any more: the call is for the next in the queue.
      if (signal.aborted) grant();
      signal.throwIfAborted();
      free -= 1;
      begin();
    });
  }

  return {
    callsFree: () => Math.max(0, free),
    allow(calls: number): void {
      free = calls;
      grant();
    },
    /** `begin` is called at once when the call is let go. */
    async pass(signal: AbortSignal, begin: () => void): Promise<void> {
      signal.throwIfAborted();
      if (free <= 0 || waiting > 0) return abandonOn(signal, waitInTurn(signal, begin));
      free -= 1;
      begin();
    },
    close: () => limiter.disconnect(),
  };
}

/** Bottleneck cannot take a queued job back: whoever waits for it leaves at once instead. */
function abandonOn<T>(signal: AbortSignal, scheduled: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    scheduled.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    if (signal.aborted) leave();
  });
}

/** Milliseconds to the end of the window in Intercom's own clock, within bounds. */
function msToReset(head: AnswerHead | null): number {
  const { resetSeconds = null, retryAfterSeconds = null } = head?.rate ?? {};
  if (retryAfterSeconds !== null) return clamp(retryAfterSeconds * 1000);
  if (resetSeconds === null) return WINDOW_MS;
  // `Date` is the second that has begun, so this is never too early, and at most a second too late.
  const ms = resetSeconds * 1000 - (head?.date?.getTime() ?? Date.now());
  // In the past: the clocks disagree, and the header tells nothing.
  return ms < 0 ? WINDOW_MS : clamp(ms + RESET_MARGIN_MS);
}

function clamp(ms: number): number {
  return Math.min(WAIT_MAX_MS, Math.max(0, ms));
}
