import type { SourcePage, UserSource } from '../sync/source.ts';
import { type ClientOptions, createClient, type Reader } from './client.ts';
import { ApiError } from './faults.ts';
import { createLimitedClient, RETRY_BOUNDS, type RetryBounds } from './limits.ts';
import { type PagedPass, readList } from './list.ts';
import { readScroll } from './scroll.ts';
import { parseAppId, parseUserList, toSingleUserPage, toSourcePage } from './user.ts';

export interface IntercomOptions extends ClientOptions {
  readonly perPage: number;
  readonly rateShare: number;
  readonly scrollRestartWaitMs: number;
  readonly retry?: RetryBounds;
  /** Ends every request and wait; its reason is what they throw. */
  readonly signal: AbortSignal;
  readonly onWait: (wait: SourceWait) => void;
  /** Told of each request that has ended, with its status: null where no answer came. */
  readonly onAnswer?: (status: number | null) => void;
}

/** Why the source is not reading just now. Codes and numbers alone. */
export interface SourceWait {
  readonly reason: 'retry' | 'rate_limit' | 'scroll_lost' | 'scroll_taken';
  readonly waitMs: number;
  readonly status: number | null;
  readonly message: string | null;
}

export interface IntercomSource extends UserSource {
  /** Calls left to this program in the window, null while Intercom has not told. */
  callsLeft(): number | null;
  close(): Promise<void>;
}

/** `/users/scroll` opens a scroll, and dots are folded into the path above. */
const UNASKABLE_IDS = new Set(['.', '..', 'scroll']);

/** The users of one workspace of Intercom, through API 1.x. */
export function createIntercomSource(options: IntercomOptions): IntercomSource {
  const { signal, perPage } = options;
  const limited = createLimitedClient(createClient(options), {
    rateShare: options.rateShare,
    retry: options.retry ?? RETRY_BOUNDS,
    onAnswer: options.onAnswer,
    onRetry: (error, waitMs) =>
      options.onWait({
        reason: error.recovery === 'wait' ? 'rate_limit' : 'retry',
        waitMs: Math.round(waitMs),
        status: error.head.status,
        message: error.message,
      }),
  });
  const get = <T>(path: string, read: Reader<T>) =>
    limited.get(path, read, { signal, retryUnsure: true });

  const list = (pass: PagedPass) =>
    readList(pass, { perPage, origin: options.baseUrl.origin, get });
  const scroll = () =>
    readScroll({
      restartWaitMs: options.scrollRestartWaitMs,
      signal,
      onWait: (reason, waitMs) => options.onWait({ reason, waitMs, status: null, message: null }),
      get: (path, read) => limited.get(path, read, { signal, retryUnsure: false }),
    });

  return {
    async identify() {
      try {
        const { value, head } = await get('/me', (answer) => ({ appId: parseAppId(answer.json) }));
        return { ...value, date: head.date };
      } catch (error) {
        // A token may read users and yet not its own admin: then the users tell their app.
        if (error instanceof ApiError && (error.head.status === 403 || error.head.status === 404)) {
          return { appId: null, date: error.head.date };
        }
        throw error;
      }
    },
    pages: (pass) => (pass.name === 'scroll' ? scroll() : list(pass)),
    async user(id) {
      if (UNASKABLE_IDS.has(id)) return 'unaskable';
      try {
        const path = `/users/${encodeURIComponent(id)}`;
        return (await get(path, (answer) => toSingleUserPage(answer, id))).value;
      } catch (error) {
        // Said by Intercom itself, in its own form: a proxy has pages of 404 too.
        if (error instanceof ApiError && error.head.status === 404 && error.code) return 'gone';
        throw error;
      }
    },
    async newest(): Promise<SourcePage> {
      const path = `/users?page=1&per_page=${perPage}&sort=updated_at&order=desc`;
      const { value } = await get(path, (answer) => {
        const parsed = parseUserList(answer.json);
        return parsed && toSourcePage(answer, parsed, 1);
      });
      return value;
    },
    callsLeft: limited.callsLeft,
    close: limited.close,
  };
}
