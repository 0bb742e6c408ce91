import { setTimeout as wait } from 'node:timers/promises';
import { SyncError } from '../errors.ts';
import type { SourcePage, SourceUser } from '../sync/source.ts';
import type { Got, Reader } from './client.ts';
import { ApiError } from './faults.ts';
import { parseUserList, toSourcePage } from './user.ts';

export interface ScrollOptions {
  /** Longer than the 60 s after which an unused scroll dies. */
  readonly restartWaitMs: number;
  readonly signal: AbortSignal;
  readonly onWait: (reason: 'scroll_lost' | 'scroll_taken', waitMs: number) => void;
  /** Must not repeat a request that may have been carried out: the cursor may have moved on. */
  get<T>(pathAndQuery: string, read: Reader<T>): Promise<Got<T>>;
}

const RESTARTS_MAX = 3;
/** A workspace has one scroll for all its integrations; a foreign one is waited for this often. */
const TAKEN_WAITS_MAX = 5;
/** The same page this many times in a row is a server that has lost its place. */
const SAME_PAGES_MAX = 2;

/**
 * Every user, 100 a page, as they were when the scroll began; the end is an empty page. A scroll that
 * broke cannot be gone on with: after a wait it begins anew, with users that were read before.
 */
export async function* readScroll(options: ScrollOptions): AsyncGenerator<SourcePage> {
  let restarts = 0;
  let takenWaits = 0;
  for (;;) {
    try {
      yield* readOnce(options);
      return;
    } catch (error) {
      const reason = reasonToWait(error);
      if (reason === null) throw error;
      if (reason === 'scroll_taken') takenWaits += 1;
      else restarts += 1;
      if (takenWaits > TAKEN_WAITS_MAX) throw takenTooLong();
      if (restarts > RESTARTS_MAX) throw brokenTooOften(error);
      options.onWait(reason, options.restartWaitMs);
      await wait(options.restartWaitMs, undefined, { signal: options.signal }).catch(() => {});
      options.signal.throwIfAborted();
    }
  }
}

async function* readOnce({ get }: ScrollOptions): AsyncGenerator<SourcePage> {
  let param: string | null = null;
  let previous: readonly SourceUser[] = [];
  let samePages = 0;
  for (;;) {
    const path: string =
      param === null
        ? '/users/scroll'
        : `/users/scroll?${new URLSearchParams({ scroll_param: param })}`;
    const { value } = await get(path, (answer) => {
      const list = parseUserList(answer.json);
      return list && { page: toSourcePage(answer, list, null), param: list.scroll_param };
    });
    yield value.page;
    if (value.page.users.length === 0) return;
    // The parameter is usually the same on every page, so only the users can tell a circle.
    samePages = areSame(value.page.users, previous) ? samePages + 1 : 0;
    if (samePages >= SAME_PAGES_MAX) throw new LostPlace();
    previous = value.page.users;
    param = value.param ?? param;
    if (param === null) throw new LostPlace();
  }
}

function areSame(users: readonly SourceUser[], others: readonly SourceUser[]): boolean {
  return users.length === others.length && users.every(({ id }, at) => id === others[at]?.id);
}

class LostPlace extends Error {}

function reasonToWait(error: unknown): 'scroll_lost' | 'scroll_taken' | null {
  if (error instanceof LostPlace) return 'scroll_lost';
  if (!(error instanceof ApiError) || error.kind !== 'source') return null;
  if (error.code === 'scroll_exists') return 'scroll_taken';
  const isGone = error.head.status === 404 || error.code === 'not_found';
  return isGone || error.recovery === 'unsure' || error.recovery === 'unsent'
    ? 'scroll_lost'
    : null;
}

function takenTooLong(): SyncError {
  return new SyncError(
    'source',
    'another scroll of this workspace stayed open (scroll_exists)',
    'A workspace has one scroll for all its integrations: another program or vendor connected to it holds it, or a broken one is still locked, which can last up to a day. Run again later; what was read is kept.',
  );
}

function brokenTooOften(error: unknown): SyncError {
  const last = error instanceof SyncError ? error.message : 'its pages repeat';
  return new SyncError(
    'source',
    `the scroll broke ${RESTARTS_MAX + 1} times, last because ${last}`,
    'A scroll cannot be resumed. Run again later; what was read is kept.',
  );
}
