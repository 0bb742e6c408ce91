import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSeenIds } from '../../src/sync/seen.ts';

// First, while there is nothing yet that the collector could take away meanwhile.
test('an id that is added again and again takes no room', () => {
  const ids = createSeenIds();
  const before = process.memoryUsage().external;
  for (let count = 0; count < 1_000_000; count += 1) ids.add(`${count % 100}`);
  expect(process.memoryUsage().external - before).toBeLessThan(1_000_000);
});

test('a million ids never hold 8 bytes each, though nothing is collected', () => {
  const ids = createSeenIds();
  const before = process.memoryUsage().external;
  let mostBytesEach = 0;
  for (let count = 1; count <= 1_000_000; count += 1) {
    ids.add(`5cc2a7b93e1f4d0a${count.toString(16).padStart(8, '0')}`);
    // Few ids have room for more.
    if (count < 100_000 || count % 1_000 > 0) continue;
    const bytes = process.memoryUsage().external - before;
    mostBytesEach = Math.max(mostBytesEach, bytes / count);
  }
  expect(mostBytesEach).toBeGreaterThan(6);
  expect(mostBytesEach).toBeLessThan(8);
});

test('ids are seen once they are added, and not before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.string({ maxLength: 3 }))), (steps) => {
      const ids = createSeenIds();
      const model = new Set<string>();
      for (const [isAdd, id] of steps) {
        expect(ids.has(id)).toBe(model.has(id));
        if (!isAdd) continue;
        ids.add(id);
        model.add(id);
      }
    }),
  );
});

test.each<[string, (index: number) => string]>([
  ['that count up', (index) => `5cc2a7b93e1f4d0a${index.toString(16).padStart(8, '0')}`],
  [
    'that count up at their front',
    (index) => `${index.toString(16).padStart(8, '0')}5cc2a7b93e1f4d0a`,
  ],
  ['of few characters', (index) => index.toString(36)],
])('a quarter of a million ids %s are told apart, and none is forgotten', (_, idOf) => {
  const ids = createSeenIds();
  let mistaken = 0;
  for (let index = 0; index < 250_000; index += 1) {
    if (ids.has(idOf(index))) mistaken += 1;
    ids.add(idOf(index));
  }
  let forgotten = 0;
  for (let index = 0; index < 250_000; index += 1) if (!ids.has(idOf(index))) forgotten += 1;
  expect({ mistaken, forgotten }).toEqual({ mistaken: 0, forgotten: 0 });
});
