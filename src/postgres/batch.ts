import pg from 'pg';
import { translateDriverError } from './faults.ts';

/** A statement and the values of its parameters. */
export interface BoundStatement<Row extends object = object> {
  readonly text: string;
  readonly values: readonly unknown[];
  /** What its rows are; never there. */
  readonly row?: Row;
}

/**
 * Sends statements in one round trip, and the server does the one after the other. Behind one that fails
 * it passes over all the rest, and where one cannot be sent the rest is not sent: a COMMIT at the end
 * commits all or nothing. Throws what `translateDriverError` makes of the first that failed. None may be
 * empty, or a COPY.
 */
export function sendBatch(
  client: pg.PoolClient,
  statements: readonly BoundStatement[],
): Promise<readonly pg.QueryResult[]> {
  return new Promise((resolve, reject) => {
    const end = (error: Error | null, results: readonly pg.QueryResult[]) =>
      error ? reject(translateDriverError(error)) : resolve(results);
    client.query(new Batch(statements, end));
  });
}

/** The driver's own queries, with one Sync behind all of them and not one behind each. */
class Batch implements pg.Submittable {
  /** Where DATABASE_URL has a `query_timeout` the driver wraps this, and hears by it that the answer has come. */
  callback: ((error: Error | null) => void) | undefined;
  readonly #queries: DriverQuery[];
  readonly #results: pg.QueryResult[] = [];
  #answered = 0;
  #hasFailed = false;
  readonly #end: (error: Error | null, results: readonly pg.QueryResult[]) => void;

  constructor(
    statements: readonly BoundStatement[],
    end: (error: Error | null, results: readonly pg.QueryResult[]) => void,
  ) {
    this.#end = end;
    this.#queries = statements.map(({ text, values }) => {
      const query = new (pg.Query as unknown as DriverQueryClass)(
        text,
        [...values],
        (error, result) => (error ? this.#fail(error) : void this.#results.push(result)),
      );
      // Set here and not given: of a query that is given as an object the driver makes a slow copy.
      query.queryMode = 'extended';
      return query;
    });
  }

  submit(connection: pg.Connection): void {
    const withoutSync = Object.create(connection, { sync: { value: () => {} } }) as pg.Connection;
    connection.stream.cork();
    try {
      for (const query of this.#queries) {
        // Of some it says so, to others it has told it by now.
        const refusal = query.submit(withoutSync);
        if (refusal) this.#fail(refusal);
        if (this.#hasFailed) break;
      }
    } finally {
      connection.sync();
      connection.stream.uncork();
    }
  }

  handleRowDescription(message: unknown): void {
    this.#current?.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.#current?.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: pg.Connection): void {
    this.#current?.handleCommandComplete(message, connection);
    this.#answered += 1;
  }

  handleError(error: Error): void {
    this.#fail(error);
  }

  handleReadyForQuery(connection: pg.Connection): void {
    for (const query of this.#queries) query.handleReadyForQuery(connection);
    this.callback?.(null);
    this.#end(null, this.#results);
  }

  #fail(error: Error): void {
    this.#hasFailed = true;
    this.callback?.(error);
    this.#end(error, []);
  }

  get #current(): DriverQuery | undefined {
    return this.#queries[this.#answered];
  }
}

/** What the driver asks of a query; its types leave it out. */
interface DriverQuery {
  queryMode: string;
  submit(connection: pg.Connection): Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: pg.Connection): void;
  handleReadyForQuery(connection: pg.Connection): void;
}

type DriverQueryClass = new (
  text: string,
  values: unknown[],
  callback: (error: Error | null, result: pg.QueryResult) => void,
) => DriverQuery;
