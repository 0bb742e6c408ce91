import { createHash } from 'node:crypto';
import type { SeenIds } from './seen.ts';
import type { SourcePage } from './source.ts';
import type { ChosenUser, RejectedUser } from './store.ts';

export interface SortedPage {
  readonly chosen: readonly ChosenUser[];
  /** Other copies, on this page, of users that were chosen. */
  readonly repeatsInPage: number;
  readonly rejects: readonly RejectedUser[];
  readonly seenIds: readonly string[];
}

/**
 * Decides, by position, what becomes of each user of a page. Of several copies the newest is chosen:
 * a time that is not plausible never wins over one that is, and of equals the last one wins.
 */
export function sortPage(page: SourcePage, seen: SeenIds, plausibleUntil: Date): SortedPage {
  const best = new Map<string, number>();
  const rejects: RejectedUser[] = [];
  let repeatsInPage = 0;
  const rankAt = (position: number) =>
    rankOf(page.users[position]?.updatedAtSeconds ?? null, plausibleUntil);

  page.users.forEach(({ id }, position) => {
    if (id === null) {
      rejects.push({ position, userId: null, reason: 'id: must be a non-empty string' });
      return;
    }
    const other = best.get(id);
    if (other !== undefined) repeatsInPage += 1;
    if (other === undefined || rankAt(position) >= rankAt(other)) best.set(id, position);
  });

  const chosen: ChosenUser[] = [];
  page.users.forEach(({ id }, position) => {
    if (id === null || best.get(id) !== position) return;
    chosen.push({ position, id, isRepeat: seen.has(id) });
  });
  const seenIds = [...chosen.map(({ id }) => id), ...namesOf(rejects, page)];
  return { chosen, repeatsInPage, rejects, seenIds };
}

/**
 * A user without an id is seen all the same, and Intercom counts it: it goes by a digest of its text.
 * No id has a space, so none is mistaken for another.
 */
function namesOf(rejects: readonly RejectedUser[], page: SourcePage): Set<string> {
  if (rejects.length === 0) return new Set();
  const texts = page.userTexts();
  const digest = (text: Uint8Array | string) => createHash('sha256').update(text).digest('hex');
  return new Set(rejects.map(({ position }) => `no id ${digest(texts[position] ?? '')}`));
}

/** Whether some of these may be on the page; who has no id could be anybody. */
export function hasSome(page: SourcePage, ids: ReadonlySet<string | null>): boolean {
  return page.users.some(({ id }) => ids.has(id));
}

/** The time in seconds, or less than any time where it cannot be true. */
function rankOf(updatedAtSeconds: number | null, plausibleUntil: Date): number {
  if (updatedAtSeconds === null || updatedAtSeconds * 1000 > plausibleUntil.getTime()) {
    return Number.NEGATIVE_INFINITY;
  }
  return updatedAtSeconds;
}

/** The newest time of the page that can be true, null if it has none. */
export function newestPlausible(page: SourcePage, plausibleUntil: Date): Date | null {
  const ranks = page.users.map((user) => rankOf(user.updatedAtSeconds, plausibleUntil));
  const newest = Math.max(...ranks);
  return newest > 0 && Number.isFinite(newest) ? new Date(newest * 1000) : null;
}
