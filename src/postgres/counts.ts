import type { PageCounts, PageWrite } from '../sync/store.ts';
import type { UsersOutcome } from './users.ts';

/** Each user of a page in exactly one number. */
export function countPage(
  page: PageWrite,
  { written, refused }: Pick<UsersOutcome, 'written'> & { refused: readonly { id: string }[] },
): PageCounts {
  const refusedIds = new Set(refused.map(({ id }) => id));
  const taken = page.chosen.filter(({ id }) => !refusedIds.has(id));
  const firsts = taken.filter((user) => !user.isRepeat);
  const inserted = firsts.filter(({ id }) => written.get(id) === 'inserted').length;
  const updated = firsts.filter(({ id }) => written.get(id) === 'updated').length;
  const counts = {
    users: page.users,
    inserted,
    updated,
    unchanged: firsts.length - inserted - updated,
    duplicates: page.repeatsInPage + (taken.length - firsts.length),
    rejected: page.rejects.length + refused.length,
  };
  const sum =
    counts.inserted + counts.updated + counts.unchanged + counts.duplicates + counts.rejected;
  if (sum !== page.users) throw new Error(`a page of ${page.users} users adds up to ${sum}`);
  return counts;
}
