import type { LeasedStore } from '../sync/store.ts';
import type { Database } from './database.ts';
import { listOpenRejects, type OpenReject } from './rejects.ts';
import { bodyOf } from './users.ts';

export interface Replayed {
  readonly tried: number;
  /** Users that are rows of `users` now, or were there in a newer form. */
  readonly stored: number;
}

export interface Replay {
  readonly workspace: string;
  /** An `updated_at` after this instant is implausible. */
  readonly plausibleUntil: Date;
  /** Each that was stored by then stays stored. */
  readonly stop: AbortSignal;
}

// A payload may be megabytes.
const REJECTS_AT_ONCE = 10;

/**
 * Tries each user that was set aside again, alone and as it came. What made Postgres refuse it may
 * be gone: an index of somebody's own, a version of this program that could not take it. A newer
 * row stays as it is. One without an id cannot be a row, whatever has changed.
 */
export async function replayRejects(
  database: Database,
  store: LeasedStore,
  { workspace, plausibleUntil, stop }: Replay,
): Promise<Replayed> {
  let tried = 0;
  for await (const reject of openRejects(database, workspace)) {
    stop.throwIfAborted();
    tried += 1;
    if (reject.userId !== null) await store.writeUsers(userAlone(reject, plausibleUntil));
  }
  let stillOpen = 0;
  for await (const _ of openRejects(database, workspace)) stillOpen += 1;
  return { tried, stored: tried - stillOpen };
}

async function* openRejects(database: Database, workspace: string): AsyncGenerator<OpenReject> {
  let afterId: string | null = null;
  for (;;) {
    const rejects: readonly OpenReject[] = await listOpenRejects(
      database,
      workspace,
      afterId,
      REJECTS_AT_ONCE,
    );
    yield* rejects;
    afterId = rejects.at(-1)?.id ?? null;
    if (afterId === null) return;
  }
}

function userAlone({ userId, payload }: OpenReject, plausibleUntil: Date) {
  const text = Buffer.from(payload);
  return {
    body: bodyOf([text]),
    userTexts: () => [text],
    chosen: [{ position: 0, id: userId ?? '', isRepeat: false }],
    plausibleUntil,
  };
}
