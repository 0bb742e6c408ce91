import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import { SyncError } from '../errors.ts';
import { type BoundStatement, sendBatch } from './batch.ts';
import { cutOff } from './client.ts';
import { translateDriverError, translateFault } from './faults.ts';

export type Transaction = NodePgDatabase & {
  readonly $client: pg.PoolClient;
  /** Throws what `translateDriverError` makes. */
  run<Row extends object>(statement: BoundStatement<Row>): Promise<Row[]>;
};

/** Its BEGIN goes with the first statement that is `run`. */
export type PipelinedTransaction = Transaction & {
  /** The last statement, and the COMMIT with it: where the statement fails nothing is committed. */
  commitWith<Row extends object>(statement: BoundStatement<Row>): Promise<Row[]>;
};

export interface TransactionOptions {
  readonly isReadOnly?: boolean;
  /** One instant for all statements. */
  readonly isSnapshot?: boolean;
  /** Ends with a ROLLBACK, whatever was done. */
  readonly isDiscarded?: boolean;
  readonly statementMaxMs?: number;
  readonly lockWaitMaxMs?: number;
  /** How long the server lets this side be silent inside the transaction. */
  readonly idleMaxMs?: number;
  /** Cuts the connection: nothing that is done in the transaction is of use any more. */
  readonly signal?: AbortSignal;
}

export type PipelinedOptions = Omit<TransactionOptions, 'isDiscarded'>;

const STATEMENT_MAX_MS = 55_000;
const LOCK_WAIT_MAX_MS = 10_000;
const IDLE_IN_TRANSACTION_MAX_MS = 15_000;

export function inTransaction<T>(
  pool: pg.Pool,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  return withClient(pool, options, async (client) => {
    await send(client, beginStatements(options).join('; '));
    const run = async <Row extends object>({ text, values }: BoundStatement<Row>) =>
      (await send<Row>(client, text, [...values])).rows;
    const result = await work(Object.assign(drizzle({ client }), { run }));
    const end = options.isDiscarded ? 'rollback' : 'commit';
    mustBe(end, await send(client, end));
    return result;
  });
}

/** In two round trips and not four, where all is done by one statement and one last statement. */
export function inPipelinedTransaction<T>(
  pool: pg.Pool,
  work: (tx: PipelinedTransaction) => Promise<T>,
  options: PipelinedOptions,
): Promise<T> {
  return withClient(pool, options, async (client) => {
    const pipeline = openPipeline(client, options);
    const result = await work(pipeline.tx);
    if (!pipeline.isCommitted()) throw new Error('a transaction was left open');
    return result;
  });
}

function openPipeline(client: pg.PoolClient, options: PipelinedOptions) {
  let begun: Promise<unknown> | null = null;
  let isCommitted = false;

  /** Nothing goes out before the BEGIN has, and nothing after one that failed, or after the COMMIT. */
  async function sendAll(statements: readonly BoundStatement[]) {
    if (begun) {
      await begun;
      if (isCommitted) throw new Error('the transaction is over');
      return statements.length > 0 ? sendBatch(client, statements) : [];
    }
    const begin = beginStatements(options).map((text) => ({ text, values: [] }));
    const sent = sendBatch(client, [...begin, ...statements]);
    begun = sent;
    return (await sent).slice(begin.length);
  }
  async function run<Row extends object>(statement: BoundStatement<Row>) {
    const [done] = await sendAll([statement]);
    return (done?.rows ?? []) as Row[];
  }
  async function commitWith<Row extends object>(statement: BoundStatement<Row>) {
    const [done, end] = await sendAll([statement, { text: 'commit', values: [] }]);
    mustBe('commit', end);
    isCommitted = true;
    return (done?.rows ?? []) as Row[];
  }
  // All that Drizzle asks of a client.
  const lateClient = {
    async query(...asked: Parameters<pg.PoolClient['query']>) {
      await sendAll([]);
      return client.query(...asked);
    },
  } as pg.PoolClient;
  const tx = Object.assign(drizzle({ client: lateClient }), { run, commitWith });
  return { tx, isCommitted: () => isCommitted };
}

/** Postgres answers the COMMIT of a failed transaction with ROLLBACK, and without an error. */
function mustBe(end: 'commit' | 'rollback', answer: { command?: string } | undefined): void {
  if (answer?.command !== end.toUpperCase()) throw new Error('a failed transaction was committed');
}

/** Throws what `translateFault` makes. */
async function withClient<T>(
  pool: pg.Pool,
  { signal }: TransactionOptions,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await connect(pool);
  let isUsable = true;
  const cut = () => cutOff(client);
  signal?.addEventListener('abort', cut, { once: true });
  if (signal?.aborted) cut();
  try {
    return await use(client);
  } catch (error) {
    const fault = translateFault(error);
    isUsable = await rollBack(client, fault);
    throw fault;
  } finally {
    signal?.removeEventListener('abort', cut);
    // A connection in an unknown state is closed and never handed to the next one.
    client.release(!isUsable);
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw translateDriverError(error);
  }
}

/** The BEGIN and its bounds; SET LOCAL knows no parameters, so whole numbers only. */
function beginStatements({
  isReadOnly = false,
  isSnapshot = false,
  statementMaxMs = STATEMENT_MAX_MS,
  lockWaitMaxMs = LOCK_WAIT_MAX_MS,
  idleMaxMs = IDLE_IN_TRANSACTION_MAX_MS,
}: TransactionOptions): string[] {
  const isolation = isSnapshot ? 'repeatable read' : 'read committed';
  return [
    `begin isolation level ${isolation} ${isReadOnly ? 'read only' : 'read write'}`,
    `set local statement_timeout = ${wholeMs(statementMaxMs)}`,
    `set local lock_timeout = ${wholeMs(lockWaitMaxMs)}`,
    `set local idle_in_transaction_session_timeout = ${wholeMs(idleMaxMs)}`,
  ];
}

/** Zero would mean no bound at all. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.trunc(ms));
}

async function send<Row extends object>(
  client: pg.PoolClient,
  text: string,
  values?: unknown[],
): Promise<pg.QueryResult<Row>> {
  try {
    return await client.query<Row>(text, values);
  } catch (error) {
    throw translateDriverError(error);
  }
}

/** Whether the connection can be used again. */
async function rollBack(client: pg.PoolClient, fault: unknown): Promise<boolean> {
  // Nothing was heard of the server: a ROLLBACK would only wait for the same silence.
  if (fault instanceof SyncError && 'sqlstate' in fault && fault.sqlstate === null) return false;
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}
