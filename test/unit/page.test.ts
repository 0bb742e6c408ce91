import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newestPlausible, sortPage } from '../../src/sync/page.ts';
import { createSeenIds } from '../../src/sync/seen.ts';
import { type MemoryUser, pageOf } from '../support/memory-parts.ts';

const UNTIL = new Date(2_000_000);
const sort = (users: readonly MemoryUser[], seen: readonly string[] = []) => {
  const ids = createSeenIds();
  seen.forEach(ids.add);
  return sortPage(pageOf(users), ids, UNTIL);
};
const at = (updatedAtSeconds: number | null, id = 'a') => ({ id, updatedAtSeconds });

describe('of the copies of a user on a page', () => {
  test.each<[string, (number | null)[], number]>([
    ['the newest is chosen', [10, 30, 20], 1],
    ['of equals the last is chosen', [10, 10], 1],
    ['a missing time never wins', [10, null], 0],
    ['the future never wins', [10, 2_001], 0],
    ['milliseconds never win', [10, 1_556_000_000_000], 0],
    ['a time at the bound may win', [10, 2_000], 1],
    ['the last is chosen where none is plausible', [null, 9_999, null], 2],
    ['zero wins over none', [0, null], 0],
  ])('%s', (_, times, position) => {
    const { chosen, repeatsInPage } = sort(times.map((time) => at(time)));
    expect(chosen).toEqual([{ position, id: 'a', isRepeat: false }]);
    expect(repeatsInPage).toBe(times.length - 1);
  });
});

test('a user without an id is set aside by its position, with a reason that holds no value', () => {
  expect(sort([at(1), { id: null }, at(2, 'b')])).toEqual({
    chosen: [
      { position: 0, id: 'a', isRepeat: false },
      { position: 2, id: 'b', isRepeat: false },
    ],
    repeatsInPage: 0,
    rejects: [{ position: 1, userId: null, reason: 'id: must be a non-empty string' }],
    seenIds: ['a', 'b', expect.stringMatching(/^no id [0-9a-f]{64}$/)],
  });
});

test('users without an id are as many as their texts differ', () => {
  const nameless = { id: null, updatedAtSeconds: 1 };
  const [seen, again, ...others] = sort([
    nameless,
    nameless,
    { ...nameless, id: null, appId: 'x' },
  ]).seenIds;
  expect(again).not.toBe(seen);
  expect(others).toEqual([]);
  expect(sort([nameless]).seenIds).toEqual([seen]);
});

test('a user that the run has seen is a repeat, and still chosen', () => {
  expect(sort([at(1), at(1, 'b')], ['b']).chosen).toEqual([
    { position: 0, id: 'a', isRepeat: false },
    { position: 1, id: 'b', isRepeat: true },
  ]);
});

test('every user of a page is chosen, a copy, or set aside, and no id is chosen twice', () => {
  const user = fc.record({
    id: fc.option(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor')),
    updatedAtSeconds: fc.option(fc.integer({ min: -5, max: 3_000 })),
  });
  fc.assert(
    fc.property(fc.array(user), (users) => {
      const { chosen, repeatsInPage, rejects, seenIds } = sort(users);
      expect(chosen.length + repeatsInPage + rejects.length).toBe(users.length);
      const ids = seenIds.filter((id) => !id.startsWith('no id '));
      expect(new Set(ids)).toEqual(new Set(chosen.map(({ id }) => id)));
      expect(new Set(seenIds).size).toBe(seenIds.length);
      const positions = chosen.map(({ position }) => position);
      expect(positions).toEqual(positions.toSorted((a, b) => a - b));
      for (const { position, id } of chosen) expect(users[position]?.id).toBe(id);
    }),
  );
});

test('the newest time of a page is the newest that can be true', () => {
  const newest = (...times: (number | null)[]) =>
    newestPlausible(pageOf(times.map((time) => at(time))), UNTIL);
  expect(newest(5, 1_500, null, 2_001, 1_556_000_000_000)).toEqual(new Date(1_500_000));
  expect(newest()).toBeNull();
  expect(newest(null, 2_001)).toBeNull();
  // Before 1970 there was nothing to update: a watermark there would be none.
  expect(newest(-5, 0)).toBeNull();
});
