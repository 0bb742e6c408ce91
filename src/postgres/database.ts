import type { Socket } from 'node:net';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { SyncError } from '../errors.ts';
import { translateDriverError, translateFault } from './faults.ts';

export type Transaction = NodePgDatabase & { readonly $client: pg.PoolClient };

export interface Database {
  /**
   * Everything this program asks of Postgres goes through here: its bounds travel with the BEGIN
   * (as startup parameters PgBouncer refuses them), and its errors come out as `SyncError`.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Never takes longer than `CLOSE_MAX_MS`, whatever hangs. */
  close(): Promise<void>;
}

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

// One run: three pages under way; beside them are the lease's renewal and a reader.
const CONNECTIONS_MAX = 5;
const CONNECT_MAX_MS = 10_000;
const IDLE_CONNECTION_MAX_MS = 30_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
const STATEMENT_MAX_MS = 55_000;
// A frozen socket is noticed by this alone. Above the server's bound, which says more.
const ANSWER_MAX_MS = 60_000;
const LOCK_WAIT_MAX_MS = 10_000;
const IDLE_IN_TRANSACTION_MAX_MS = 15_000;
const CLOSE_MAX_MS = 5_000;

export interface DatabaseOptions {
  readonly answerMaxMs?: number;
  /** Shared by all who use this database at once; whoever finds none free waits. */
  readonly connectionsMax?: number;
}

export function openDatabase(
  url: string,
  { answerMaxMs = ANSWER_MAX_MS, connectionsMax = CONNECTIONS_MAX }: DatabaseOptions = {},
): Database {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'intercom-sync',
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_MAX_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MAX_MS,
    query_timeout: answerMaxMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  });
  const clients = trackClients(pool);
  return {
    transaction: (work, options = {}) => inTransaction(pool, work, options),
    close: () => closeWithin(pool, clients, CLOSE_MAX_MS),
  };
}

async function inTransaction<T>(
  pool: pg.Pool,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const client = await connect(pool);
  let isUsable = true;
  const cut = () => cutOff(client);
  options.signal?.addEventListener('abort', cut, { once: true });
  if (options.signal?.aborted) cut();
  try {
    await send(client, beginStatement(options));
    const result = await work(drizzle({ client }));
    const end = options.isDiscarded ? 'rollback' : 'commit';
    const { command } = await send(client, end);
    // Postgres answers the COMMIT of a failed transaction with ROLLBACK, and without an error.
    if (command !== end.toUpperCase()) throw new Error('a failed transaction was committed');
    return result;
  } catch (error) {
    const fault = translateFault(error);
    isUsable = await rollBack(client, fault);
    throw fault;
  } finally {
    options.signal?.removeEventListener('abort', cut);
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

/** The BEGIN and its bounds in one round trip; SET LOCAL knows no parameters, so whole numbers only. */
function beginStatement({
  isReadOnly = false,
  isSnapshot = false,
  statementMaxMs = STATEMENT_MAX_MS,
  lockWaitMaxMs = LOCK_WAIT_MAX_MS,
  idleMaxMs = IDLE_IN_TRANSACTION_MAX_MS,
}: TransactionOptions): string {
  const isolation = isSnapshot ? 'repeatable read' : 'read committed';
  return [
    `begin isolation level ${isolation} ${isReadOnly ? 'read only' : 'read write'}`,
    `set local statement_timeout = ${wholeMs(statementMaxMs)}`,
    `set local lock_timeout = ${wholeMs(lockWaitMaxMs)}`,
    `set local idle_in_transaction_session_timeout = ${wholeMs(idleMaxMs)}`,
  ].join('; ');
}

/** Zero would mean no bound at all. */
function wholeMs(ms: number): number {
  return Math.max(1, Math.trunc(ms));
}

async function send(client: pg.PoolClient, statement: string): Promise<{ command?: string }> {
  try {
    return await client.query(statement);
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

/** Without listeners a lost connection, idle or not, would end the process. */
function trackClients(pool: pg.Pool): ReadonlySet<pg.PoolClient> {
  const clients = new Set<pg.PoolClient>();
  const ignore = () => {};
  pool.on('error', ignore);
  pool.on('connect', (client) => {
    client.on('error', ignore);
    clients.add(client);
  });
  pool.on('remove', (client) => clients.delete(client));
  return clients;
}

async function closeWithin(
  pool: pg.Pool,
  clients: ReadonlySet<pg.PoolClient>,
  maxMs: number,
): Promise<void> {
  if (pool.ending) return;
  const timer = setTimeout(() => clients.forEach(cutOff), maxMs);
  try {
    await pool.end();
  } finally {
    clearTimeout(timer);
  }
}

/** By its socket: to end a client is to say goodbye, and wait for a server that may be heard no more. */
function cutOff(client: pg.PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: Socket } };
  connection.stream.destroy();
}
