import pg from 'pg';
import { SyncError } from '../errors.ts';
import type { Database } from './database.ts';
import { isConnectionLoss, translateDriverError } from './faults.ts';

export interface QueryAnswer {
  readonly columns: string[];
  readonly rows: unknown[][];
  /** There are more rows than these. */
  readonly truncated: boolean;
}

const ROWS_MAX = 1_000;
const STATEMENT_MAX_MS = 50_000;

/**
 * One question of the user's own that cannot write: the transaction is read-only and rolled back,
 * and the cursor is declared in the extended protocol, which takes no second statement.
 */
export async function runReadOnlyQuery(
  database: Database,
  question: string,
  rowsMax: number = ROWS_MAX,
): Promise<QueryAnswer> {
  return database.transaction(
    async ({ $client }) => {
      const ask = async (text: string) => {
        try {
          const asked = {
            text,
            queryMode: 'extended',
            rowMode: 'array',
            types: AS_PRINTED,
          } as const;
          return await $client.query<unknown[]>(asked);
        } catch (error) {
          throw explain(error);
        }
      };
      await ask(`declare answer no scroll cursor for ${question}`);
      const { fields, rows } = await ask(`fetch forward ${Math.trunc(rowsMax) + 1} from answer`);
      return {
        columns: fields.map((field) => field.name),
        rows: rows.slice(0, rowsMax),
        truncated: rows.length > rowsMax,
      };
    },
    { isReadOnly: true, isSnapshot: true, isDiscarded: true, statementMaxMs: STATEMENT_MAX_MS },
  );
}

const { BOOL, INT2, INT4, FLOAT8 } = pg.types.builtins;
const PARSED: ReadonlySet<number> = new Set([BOOL, INT2, INT4, FLOAT8]);

/** Numbers of many digits, times and JSON stay the text that Postgres prints. */
const AS_PRINTED = {
  getTypeParser: (oid: number) => (PARSED.has(oid) ? pg.types.getTypeParser(oid) : String),
} as typeof pg.types;

// To Postgres a breach of the protocol: a question may hold `$1`, and nobody gives it a value.
const PARAMETERS_MISSING = '08P01';

/** The one place where Postgres may speak for itself: the text it complains of is the user's. */
function explain(error: unknown): unknown {
  const fault = translateDriverError(error);
  const isQuestion =
    error instanceof pg.DatabaseError &&
    (!isConnectionLoss(fault) || error.code === PARAMETERS_MISSING);
  if (!isQuestion) return fault;
  return new SyncError('settings', `the query failed: ${error.message}`, error.hint ?? null);
}
