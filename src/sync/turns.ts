/** Takes one item. `before` tells whether the item before it was taken: false, and this one must not be. */
export type TakeInTurn<T> = (item: T, before: Promise<boolean>) => Promise<void>;

/**
 * Takes items in their order while they come. As soon as one is being taken the next is asked for, and
 * once it is there it is begun too. Two at a time and no more, the one that is asked for included, so
 * that memory stays bounded and little is thrown away when a run is stopped.
 *
 * Throws what the first that failed threw, and never while something is still under way.
 */
export async function takeInTurn<T>(items: AsyncIterable<T>, take: TakeInTurn<T>): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  let newest = begin(Promise.resolve());
  try {
    for (;;) {
      const { done, value } = await nextUnlessFailed(newest.done, iterator.next());
      if (done) break;
      const before = newest;
      newest = begin(take(value, before.isTaken));
      await before.done;
    }
    await newest.done;
  } finally {
    // Not awaited: a generator that is busy answers when its request has ended.
    void iterator.return?.()?.catch(() => {});
    await newest.isTaken;
  }
}

function begin(done: Promise<void>) {
  const isTaken = done.then(
    () => true,
    () => false,
  );
  return { done, isTaken };
}

/** What has failed is told at once, though the next item may be long in coming; what came first counts. */
async function nextUnlessFailed<T>(newest: Promise<void>, next: Promise<T>): Promise<T> {
  try {
    return await Promise.race([next, newest.then(() => next)]);
  } catch (error) {
    await newest;
    throw error;
  }
}
