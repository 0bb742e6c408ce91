/**
 * Reads one item ahead: while the consumer works on an item, the next is being fetched. One and no
 * more, so that memory stays bounded and little is thrown away when a run is stopped.
 */
export async function* readAhead<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  let pending = iterator.next();
  try {
    for (;;) {
      const { done, value } = await pending;
      if (done) return;
      pending = iterator.next();
      // Whoever consumes may throw before it comes back for this one.
      pending.catch(() => {});
      yield value;
    }
  } finally {
    // Not awaited: a generator that is busy answers when its request has ended.
    void iterator.return?.()?.catch(() => {});
  }
}
