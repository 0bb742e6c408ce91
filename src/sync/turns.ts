/** Takes one item. `before` tells whether the item before it was taken: false, and this one must not be. */
export type TakeInTurn<T> = (item: T, before: Promise<boolean>) => Promise<void>;

/** Items under way at a time, the one that is asked for included. With more of them no run is faster. */
export const TURNS_MAX = 3;

/**
 * Takes items in their order while they come. While some are being taken the next is asked for, and once
 * it is there it is begun too. Never more than `TURNS_MAX`, so that memory stays bounded and little is
 * thrown away when a run is stopped.
 *
 * Throws what the first that failed threw, and never while something is still under way.
 */
export async function takeInTurn<T>(items: AsyncIterable<T>, take: TakeInTurn<T>): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  // The oldest first.
  const turns: Turn[] = [];
  try {
    for (;;) {
      const { done, value } = await nextUnlessFailed(turns, iterator.next());
      if (done) break;
      const before = turns.at(-1)?.isTaken ?? Promise.resolve(true);
      turns.push(begin(take(value, before), before));
      if (turns.length < TURNS_MAX) continue;
      await turns[0]?.done;
      turns.shift();
    }
    await takenInOrder(turns);
  } finally {
    // Not awaited: a generator that is busy answers when its request has ended.
    void iterator.return?.()?.catch(() => {});
    await Promise.all(turns.map(({ isTaken }) => isTaken));
  }
}

interface Turn {
  readonly done: Promise<void>;
  readonly isTaken: Promise<boolean>;
}

/** An item is taken only where the one before it is, whatever came of it by itself. */
function begin(done: Promise<void>, before: Promise<boolean>): Turn {
  const isTaken = done.then(
    () => before,
    () => false,
  );
  return { done, isTaken };
}

/** What has failed is told at once, though the next item may be long in coming; what came first counts. */
async function nextUnlessFailed<T>(turns: readonly Turn[], next: Promise<T>): Promise<T> {
  try {
    return await Promise.race([next, ...turns.map(({ done }) => done.then(() => next))]);
  } catch (error) {
    await takenInOrder(turns);
    throw error;
  }
}

async function takenInOrder(turns: readonly Turn[]): Promise<void> {
  for (const { done } of turns) await done;
}
