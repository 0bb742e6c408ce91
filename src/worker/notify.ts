import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog } from '../sync/report.ts';

/** What people are told of a workspace. Codes, numbers and our own words: never a personal datum. */
export interface Notice {
  readonly workspace: string;
  /** Null where it went wrong before there was a run. */
  readonly runId: string | null;
  readonly kind: 'failure' | 'recovery' | 'limit' | 'mass_delete_refused';
  readonly message: string;
}

export interface Notifier {
  /** Returns at once, and never throws: no run waits for a webhook, nor fails with it. */
  notify(notice: Notice): void;
  /** Lets go of what is not delivered within `drainMaxMs`. */
  close(drainMaxMs: number): Promise<void>;
}

export interface NotifierOptions {
  /** Null where nobody wants to be told. Secret. */
  readonly url: URL | null;
  readonly log: EventLog;
  readonly answerMaxMs?: number;
  readonly retryWaitsMs?: readonly number[];
}

const ANSWER_MAX_MS = 10_000;
/** One try, and one more after each of these. */
const RETRY_WAITS_MS = [1_000, 10_000, 60_000];
/** A receiver that is away for hours is told of the latest when it is back, not of everything. */
const PENDING_MAX = 100;

/** Posts notices to one address, one after the other. */
export function createNotifier(options: NotifierOptions): Notifier {
  const { url, log } = options;
  const over = new AbortController();
  let pending = 0;
  let line: Promise<void> = Promise.resolve();
  return {
    notify(notice) {
      if (url === null || over.signal.aborted) return;
      if (pending >= PENDING_MAX) {
        log.warn('notice_dropped', { workspace: notice.workspace, kind: notice.kind });
        return;
      }
      pending += 1;
      const body = bodyOf(notice, new Date());
      line = line.then(async () => {
        const fault = await deliver(url, body, options, over.signal);
        pending -= 1;
        const { workspace, kind } = notice;
        if (fault !== null) log.warn('notice_undelivered', { workspace, kind, reason: fault });
      });
    },
    async close(drainMaxMs) {
      const timer = setTimeout(() => over.abort(), drainMaxMs);
      await line;
      clearTimeout(timer);
      over.abort();
    },
  };
}

function bodyOf({ workspace, runId, kind, message }: Notice, at: Date): string {
  return JSON.stringify({ workspace, run_id: runId, kind, message, at });
}

/** Null once it is taken, else why it never was: of the address nothing is told. */
async function deliver(
  url: URL,
  body: string,
  { answerMaxMs = ANSWER_MAX_MS, retryWaitsMs = RETRY_WAITS_MS }: NotifierOptions,
  over: AbortSignal,
): Promise<string | null> {
  for (let tries = 0; ; tries += 1) {
    if (over.aborted) return 'stopped';
    const { isTaken, isFinal, reason } = await post(url, body, answerMaxMs, over);
    if (isTaken) return null;
    const waitMs = retryWaitsMs[tries];
    if (isFinal || waitMs === undefined) return reason;
    await delay(waitMs, undefined, { signal: over }).catch(() => {});
  }
}

interface Answer {
  readonly isTaken: boolean;
  /** Trying again would be answered the same. */
  readonly isFinal: boolean;
  readonly reason: string;
}

/** Redirects are not followed: what is posted is for the address that was given. */
async function post(
  url: URL,
  body: string,
  answerMaxMs: number,
  over: AbortSignal,
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'intercom-sync' },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([over, AbortSignal.timeout(answerMaxMs)]),
    });
    await response.body?.cancel();
    const { status } = response;
    const isFinal = status < 500 && status !== 408 && status !== 429;
    return { isTaken: response.ok, isFinal, reason: `status ${status}` };
  } catch (error) {
    return { isTaken: false, isFinal: false, reason: reasonOf(error) };
  }
}

/** fetch's own messages can hold the address. */
function reasonOf(error: unknown): string {
  const cause = error instanceof TypeError ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (/^[A-Z_]{1,64}$/.test(code)) return code;
  return error instanceof Error ? error.name : 'unknown';
}
