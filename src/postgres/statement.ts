import { fillPlaceholders, type SQLWrapper } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { Transaction } from './database.ts';
import { translateDriverError } from './faults.ts';

/** Runs a statement with a value for each of its placeholders. Throws what `translateDriverError` makes. */
export type Statement<Row> = (
  tx: Pick<Transaction, '$client'>,
  values: Readonly<Record<string, unknown>>,
) => Promise<Row[]>;

/**
 * A statement that each page needs. Drizzle makes its text once: to make it anew takes Node as long as to
 * read the page. It has no name on the server, which PgBouncer would have to know of.
 */
export function prepareStatement<Row extends object>(query: SQLWrapper): Statement<Row> {
  const { sql: text, params } = new PgDialect().sqlToQuery(query.getSQL());
  return async (tx, values) => {
    const given = fillPlaceholders(params, values);
    try {
      return (await tx.$client.query<Row>(text, given)).rows;
    } catch (error) {
      throw translateDriverError(error);
    }
  };
}
