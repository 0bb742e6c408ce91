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
// A thousand rows may be a thousand megabytes, of which a terminal shows the beginnings.
const ANSWER_CHARACTERS_MAX = 64 * 1024 * 1024;
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
      return fetchAnswer(ask, Math.trunc(rowsMax));
    },
    { isReadOnly: true, isSnapshot: true, isDiscarded: true, statementMaxMs: STATEMENT_MAX_MS },
  );
}

type Ask = (text: string) => Promise<pg.QueryArrayResult<unknown[]>>;

/** Twice as many rows each time, so that many small ones take few turns and few large ones fit. */
async function fetchAnswer(ask: Ask, rowsMax: number): Promise<QueryAnswer> {
  const rows: unknown[][] = [];
  let columns: string[] = [];
  let characters = 0;
  for (let atOnce = 1; ; atOnce *= 2) {
    const wanted = Math.min(atOnce, rowsMax + 1 - rows.length);
    const got = await ask(`fetch forward ${wanted} from answer`);
    columns = got.fields.map((field) => field.name);
    rows.push(...got.rows);
    characters += got.rows.flat().reduce<number>((sum, cell) => sum + lengthOf(cell), 0);
    if (got.rows.length < wanted) return { columns, rows, truncated: false };
    if (rows.length > rowsMax) return { columns, rows: rows.slice(0, rowsMax), truncated: true };
    if (characters > ANSWER_CHARACTERS_MAX) return { columns, rows, truncated: true };
  }
}

function lengthOf(cell: unknown): number {
  return typeof cell === 'string' ? cell.length : 0;
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
