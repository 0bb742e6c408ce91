import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSeenIds } from '../../src/sync/seen.ts';

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

test('a million ids hold little more at any time than at their end, though nothing is let go at once', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const ids = createSeenIds();
  collect();
  const before = process.memoryUsage().arrayBuffers;
  let mostBytes = 0;
  for (let index = 0; index < 1_000_000; index += 1) {
    ids.add(`5cc2a7b93e1f4d0a${index.toString(16).padStart(8, '0')}`);
    // As often as a run is collected by itself.
    if (index % 20_000 > 0) continue;
    mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - before);
    collect();
  }
  expect(mostBytes / 1e6).toBeLessThan(12);
});
