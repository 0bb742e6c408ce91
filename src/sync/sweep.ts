import type { EventLog } from './report.ts';
import type { SourcePage, UserSource } from './source.ts';
import type { UserStore } from './store.ts';

export interface Sweep {
  /** Told of each batch as it is marked, so that a sweep that is broken off is reported right. */
  readonly tally: { deleted: number };
  readonly runId: string;
  readonly source: UserSource;
  readonly store: UserStore;
  readonly log: EventLog;
  /** The part of the live users that may be marked without being allowed to, from 0 to 1. */
  readonly massDeleteLimit: number;
  readonly allowMassDelete: boolean;
  readonly plausibleUntil: () => Date;
}

const CANDIDATES_AT_ONCE = 200;
const MASS_DELETE_MIN = 20;

/**
 * Deletions are never guessed: each live user that a complete run did not see is asked for. Gone
 * confirms; a user that answers was missed by drifting pages, and is written. All are asked for
 * before any is marked as deleted, and none is marked if they are more than allowed.
 */
export async function sweepDeleted(sweep: Sweep): Promise<void> {
  let mayMark = MASS_DELETE_MIN;
  const gone: string[] = [];
  for await (const id of unseenUsers(sweep)) {
    const answer = await sweep.source.user(id);
    if (answer === 'unaskable') sweep.log.warn('user_not_askable');
    else if (answer !== 'gone') await writeMissed(sweep, answer);
    if (answer !== 'gone') continue;
    gone.push(id);
    // To know it is to count the whole table, and hardly ever needed.
    if (gone.length === MASS_DELETE_MIN + 1) mayMark = await mostToMark(sweep);
    if (gone.length > mayMark) {
      // Why: a wrong token or a broken list would look just like this.
      sweep.log.warn('mass_delete_refused', { confirmed_at_least: gone.length, allowed: mayMark });
      return;
    }
  }
  for (let at = 0; at < gone.length; at += CANDIDATES_AT_ONCE) {
    const batch = gone.slice(at, at + CANDIDATES_AT_ONCE);
    sweep.tally.deleted = await sweep.store.markDeleted(sweep.runId, batch);
  }
}

async function mostToMark({ store, massDeleteLimit, allowMassDelete }: Sweep): Promise<number> {
  if (allowMassDelete) return Number.POSITIVE_INFINITY;
  const share = Math.floor((await store.countLiveUsers()) * massDeleteLimit);
  return Math.max(MASS_DELETE_MIN, share);
}

async function* unseenUsers({ store, runId }: Sweep): AsyncGenerator<string> {
  let afterId: string | null = null;
  for (;;) {
    const ids: readonly string[] = await store.unseenUsers(runId, afterId, CANDIDATES_AT_ONCE);
    yield* ids;
    afterId = ids.at(-1) ?? null;
    if (afterId === null) return;
  }
}

async function writeMissed({ store, log, plausibleUntil }: Sweep, page: SourcePage): Promise<void> {
  const chosen = page.users.flatMap((user, position) =>
    user.id === null ? [] : [{ position, id: user.id, isRepeat: false }],
  );
  log.info('missed_user_found');
  const { body, userTexts } = page;
  await store.writeUsers({ body, userTexts, chosen, plausibleUntil: plausibleUntil() });
}
