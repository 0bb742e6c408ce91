import type { Socket } from 'node:net';
import pg from 'pg';

/**
 * A client that is cut off when, for this long, something that it was asked has not been answered: a frozen
 * connection is noticed by this alone.
 *
 * The driver's own `query_timeout` does as much, with a timer for each query that refers to it. For whatever
 * reason the collector then keeps each page until it looks at everything, which it had to do twice as often.
 */
export function clientWithin(answerMaxMs: number): new (config?: pg.ClientConfig) => pg.Client {
  return class extends pg.Client {
    #timer: NodeJS.Timeout | undefined;

    constructor(config?: pg.ClientConfig) {
      super(config);
      const rest = () => {
        clearTimeout(this.#timer);
        this.#timer = undefined;
      };
      this.on('drain', rest);
      this.on('end', rest);
    }

    override query(...asked: unknown[]): never {
      const answer = Reflect.apply(super.query, this, asked);
      this.#timer ??= setTimeout(cutOff, answerMaxMs, this).unref();
      // What it is depends on what is asked, as the driver's types say of theirs.
      return answer as never;
    }
  };
}

/** By its socket: to end a client is to say goodbye, and wait for a server that may be heard no more. */
export function cutOff(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection: { stream: Socket } };
  connection.stream.destroy();
}
