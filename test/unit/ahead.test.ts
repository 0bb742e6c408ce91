import { expect, test } from 'vitest';
import { readAhead } from '../../src/sync/ahead.ts';

/** Counts what it was asked for, and whether it was let go. */
function counting(items: number, failAt = -1) {
  const told = { asked: 0, isClosed: false };
  async function* generate() {
    try {
      for (let index = 0; index < items; index += 1) {
        told.asked += 1;
        if (index === failAt) throw new Error('broken');
        yield index;
      }
    } finally {
      told.isClosed = true;
    }
  }
  return { told, items: generate() };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

test('every item comes once, in order', async () => {
  expect(await collect(readAhead(counting(5).items))).toEqual([0, 1, 2, 3, 4]);
  expect(await collect(readAhead(counting(0).items))).toEqual([]);
});

test('one item is asked for ahead, and no more', async () => {
  const { told, items } = counting(9);
  const ahead = readAhead(items);
  for (let taken = 1; taken <= 4; taken += 1) {
    await ahead.next();
    // Whatever could still be asked for has had its turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(told.asked).toBe(taken + 1);
  }
  await ahead.return(undefined);
});

test('an item before a failure is handed out before the failure', async () => {
  const taken: number[] = [];
  const read = async () => {
    for await (const item of readAhead(counting(5, 2).items)) taken.push(item);
  };
  await expect(read()).rejects.toThrow('broken');
  expect(taken).toEqual([0, 1]);
});

test('who leaves early lets the source go, even where the item ahead fails', async () => {
  for (const failAt of [-1, 1]) {
    const { told, items } = counting(5, failAt);
    const leave = async () => {
      for await (const _ of readAhead(items)) throw new Error('mine');
    };
    await expect(leave()).rejects.toThrow('mine');
    await new Promise((resolve) => setImmediate(resolve));
    expect(told.isClosed).toBe(true);
  }
});
