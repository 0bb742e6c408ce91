import pg from 'pg';
import { clientWithin, cutOff } from './client.ts';
import {
  inPipelinedTransaction,
  inTransaction,
  type PipelinedOptions,
  type PipelinedTransaction,
  type Transaction,
  type TransactionOptions,
} from './transaction.ts';

export interface Database {
  /**
   * Everything this program asks of Postgres goes through here: its bounds travel with the BEGIN
   * (as startup parameters PgBouncer refuses them), and its errors come out as `SyncError`.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** The same for work whose first statement goes with the BEGIN, and the last with the COMMIT. */
  pipelined<T>(
    work: (tx: PipelinedTransaction) => Promise<T>,
    options?: PipelinedOptions,
  ): Promise<T>;
  /** Never takes longer than `CLOSE_MAX_MS`, whatever hangs. */
  close(): Promise<void>;
}

// One run: three pages under way; beside them are the lease's renewal and a reader.
const CONNECTIONS_MAX = 5;
const CONNECT_MAX_MS = 10_000;
const IDLE_CONNECTION_MAX_MS = 30_000;
const KEEP_ALIVE_AFTER_MS = 10_000;
// Above the server's bound, which says more.
const ANSWER_MAX_MS = 60_000;
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
    Client: clientWithin(answerMaxMs),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  });
  const clients = trackClients(pool);
  return {
    transaction: (work, options = {}) => inTransaction(pool, work, options),
    pipelined: (work, options = {}) => inPipelinedTransaction(pool, work, options),
    close: () => closeWithin(pool, clients, CLOSE_MAX_MS),
  };
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
