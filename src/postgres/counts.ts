import type { PageCounts, PageWrite } from '../sync/store.ts';
import type { UsersOutcome } from './users.ts';

/** Each user of a page in exactly one number. */
export function countPage(
  page: PageWrite,
  { written, refused }: Pick<UsersOutcome, 'written'> & { refused: readonly { id: string }[] },
): PageCounts {
  const refusedIds = new Set(refused.map(({ id }) => id));
  const counts = {
    users: page.users,
    inserted: 0,
    updated: 0,
    unchanged: 0,
    duplicates: page.repeatsInPage,
    rejected: page.rejects.length + refused.length,
  };
  for (const { id, isRepeat } of page.chosen) {
    if (refusedIds.has(id)) continue;
    counts[isRepeat ? 'duplicates' : (written.get(id) ?? 'unchanged')] += 1;
  }
  const sum =
    counts.inserted + counts.updated + counts.unchanged + counts.duplicates + counts.rejected;
  if (sum !== page.users) throw new Error(`a page of ${page.users} users adds up to ${sum}`);
  return counts;
}
