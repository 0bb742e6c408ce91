import { fillPlaceholders, type SQLWrapper } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import type { BoundStatement } from './batch.ts';

/** Takes a value for each of the placeholders. */
export type Statement<Row extends object> = (
  values: Readonly<Record<string, unknown>>,
) => BoundStatement<Row>;

/**
 * A statement that each page needs. Drizzle makes its text once: to make it anew takes Node as long as to
 * read the page. It has no name on the server, which PgBouncer would have to know of.
 */
export function prepareStatement<Row extends object>(query: SQLWrapper): Statement<Row> {
  const { sql: text, params } = new PgDialect().sqlToQuery(query.getSQL());
  return (values) => ({ text, values: fillPlaceholders(params, values) });
}
