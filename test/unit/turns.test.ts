import { describe, expect, test } from 'vitest';
import { takeInTurn } from '../../src/sync/turns.ts';

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

/** Whatever could still be done has had its turn. */
const idle = () => new Promise((resolve) => setImmediate(resolve));

/** Each item is taken when it is told to, or fails. */
function byHand() {
  const begun: { item: number; before: Promise<boolean>; end: PromiseWithResolvers<void> }[] = [];
  const take = (item: number, before: Promise<boolean>) => {
    const end = Promise.withResolvers<void>();
    begun.push({ item, before, end });
    return end.promise;
  };
  return { begun, take };
}

const failing = async () => {
  throw new Error('mine');
};

test('every item is taken once, in order', async () => {
  for (const count of [0, 1, 5]) {
    const taken: number[] = [];
    await takeInTurn(counting(count).items, async (item) => void taken.push(item));
    expect(taken).toEqual([0, 1, 2, 3, 4].slice(0, count));
  }
});

test('three are under way at a time, the one that is asked for included', async () => {
  const { told, items } = counting(5);
  const { begun, take } = byHand();
  const taking = takeInTurn(items, take);
  for (let index = 0; index < 5; index += 1) {
    await idle();
    expect(begun.map(({ item }) => item)).toEqual([0, 1, 2, 3, 4].slice(0, index + 3));
    expect(told.asked).toBe(Math.min(index + 3, 5));
    begun[index]?.end.resolve();
  }
  await taking;
});

test('one that is taken early makes no room: the one before it is still under way', async () => {
  const { told, items } = counting(9);
  const { begun, take } = byHand();
  const taking = takeInTurn(items, take);
  await idle();
  begun[1]?.end.resolve();
  begun[2]?.end.resolve();
  await idle();
  expect({ begun: begun.length, asked: told.asked }).toEqual({ begun: 3, asked: 3 });
  begun[0]?.end.reject(new Error('enough'));
  await expect(taking).rejects.toThrow('enough');
});

describe('an item that fails', () => {
  test('tells the one behind it, and is what is thrown, but only once that has ended', async () => {
    const { begun, take } = byHand();
    let isOver = false;
    const taking = takeInTurn(counting(9).items, take).finally(() => {
      isOver = true;
    });
    taking.catch(() => {});
    await idle();
    begun[0]?.end.reject(new Error('first'));
    expect(await begun[1]?.before).toBe(false);
    begun[1]?.end.reject(new Error('second'));
    expect(await begun[2]?.before).toBe(false);
    await idle();
    expect(isOver).toBe(false);
    begun[2]?.end.reject(new Error('third'));
    await expect(taking).rejects.toThrow('first');
    expect(begun).toHaveLength(3);
  });

  test('tells all behind it, though the next one leaves quietly', async () => {
    const { begun, take } = byHand();
    const taking = takeInTurn(counting(9).items, take);
    await idle();
    begun[0]?.end.reject(new Error('first'));
    if (!(await begun[1]?.before)) begun[1]?.end.resolve();
    expect(await begun[2]?.before).toBe(false);
    begun[2]?.end.resolve();
    await expect(taking).rejects.toThrow('first');
    expect(begun).toHaveLength(3);
  });

  test('before the one in front of it is taken tells nothing to that one', async () => {
    const { begun, take } = byHand();
    const taking = takeInTurn(counting(2).items, take);
    await idle();
    begun[1]?.end.reject(new Error('second'));
    begun[0]?.end.resolve();
    expect(await begun[1]?.before).toBe(true);
    await expect(taking).rejects.toThrow('second');
  });

  test('does not wait for the next, which may be long in coming', async () => {
    async function* slow() {
      yield 0;
      await new Promise(() => {});
    }
    await expect(takeInTurn(slow(), failing)).rejects.toThrow('mine');
  });
});

test('an item before a failure of the source is taken first', async () => {
  const taken: number[] = [];
  const slowly = async (item: number) => {
    await idle();
    await idle();
    taken.push(item);
  };
  await expect(takeInTurn(counting(5, 2).items, slowly)).rejects.toThrow('broken');
  expect(taken).toEqual([0, 1]);
});

test('who fails lets the source go, even where the item that is asked for fails', async () => {
  for (const failAt of [-1, 1]) {
    const { told, items } = counting(5, failAt);
    await expect(takeInTurn(items, failing)).rejects.toThrow('mine');
    await idle();
    expect(told.isClosed).toBe(true);
  }
});
