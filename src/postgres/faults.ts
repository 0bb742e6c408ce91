import { DrizzleQueryError } from 'drizzle-orm';
import pg from 'pg';
import { SyncError } from '../errors.ts';

/**
 * What the database did not do. The message names SQLSTATE, constraint and table and nothing else:
 * the driver's own message, `detail` and parameters carry the values of rows, and so does Drizzle's
 * error, which is why neither is kept as a cause.
 */
export class DatabaseFault extends SyncError {
  /** Five characters that the server said; null when it said nothing. */
  readonly sqlstate: string | null;

  readonly column: string | null;

  constructor(
    sqlstate: string | null,
    message: string,
    hint: string | null,
    column: string | null = null,
  ) {
    super('database', message, hint);
    this.sqlstate = sqlstate;
    this.column = column;
  }
}

/** The connection is gone or was never there: whether a COMMIT arrived is not known. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof DatabaseFault)) return false;
  const { sqlstate } = error;
  return sqlstate === null || sqlstate.startsWith('08') || CONNECTION_ENDERS.has(sqlstate);
}

/** The same work may well succeed in a new transaction. */
export function isRetryable(error: unknown): boolean {
  if (isConnectionLoss(error)) return true;
  return error instanceof DatabaseFault && TRANSIENT.has(error.sqlstate ?? '');
}

/** The data itself is refused: halves of it may not be. */
export function isRefusedData(error: unknown): error is DatabaseFault & { sqlstate: string } {
  return error instanceof DatabaseFault && /^(22|23|54)/.test(error.sqlstate ?? '');
}

/** What must be in this column is null. */
export function isNullRefused(error: unknown, column: string): boolean {
  return error instanceof DatabaseFault && error.sqlstate === '23502' && error.column === column;
}

/** A lock was not to be had in time. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof DatabaseFault && error.sqlstate === '55P03';
}

// Ended by an administrator, in a crash, while starting up, idle in a transaction for too long.
const CONNECTION_ENDERS: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '25P03']);
// Serialization, deadlock, a lock not to be had, too many connections, a standby after failover.
const TRANSIENT: ReadonlySet<string> = new Set(['40001', '40P01', '55P03', '53300', '25006']);

/** Whatever a query threw, in our words. What is not the driver's is a bug and passes untouched. */
export function translateFault(error: unknown): unknown {
  if (error instanceof DrizzleQueryError) return translateDriverError(error.cause);
  return error instanceof pg.DatabaseError ? translateDriverError(error) : error;
}

/** Node's own words for a call that is wrong: tried again it is as wrong as before. */
const BUG_CODES = /^ERR_(ASSERTION|INVALID_ARG_|OUT_OF_RANGE)/;

/** For what is known to come from the driver, whose connection errors are nameless. */
export function translateDriverError(error: unknown): unknown {
  if (error instanceof SyncError || !(error instanceof Error)) return error;
  if (error instanceof pg.DatabaseError) return saidByServer(error);
  const code = codeOf(error);
  if (code !== null && BUG_CODES.test(code)) return error;
  if (code !== null) return saidBySystem(code, 'syscall' in error && error.syscall === 'connect');
  // Of a lost connection the driver says so in a plain Error; a TypeError is a bug, ours or its.
  return error.constructor === Error ? saidByDriver(error) : error;
}

function saidByServer(error: pg.DatabaseError): DatabaseFault {
  const sqlstate = error.code ?? 'unknown';
  const known = SERVER_FAULTS[sqlstate];
  const place = [
    `sqlstate ${sqlstate}`,
    ...(error.table ? [`table ${error.table}`] : []),
    ...(error.constraint ? [`constraint ${error.constraint}`] : []),
  ].join(', ');
  return new DatabaseFault(
    sqlstate,
    `${known?.message ?? 'the database refused a statement'} (${place})`,
    known?.hint ?? null,
    error.column ?? null,
  );
}

interface KnownFault {
  readonly message: string;
  readonly hint: string;
}

const WRONG_PASSWORD: KnownFault = {
  message: 'the database refused the user or the password',
  hint: 'check user and password in DATABASE_URL',
};

const SERVER_FAULTS: Readonly<Record<string, KnownFault>> = {
  // PgBouncer has this one code for all that it refuses; Postgres itself hardly ever says it.
  '08P01': {
    message: 'the pooler before the database refused the connection',
    hint: 'check user, password and database in DATABASE_URL, which may carry no options, and see the log of PgBouncer',
  },
  '28P01': WRONG_PASSWORD,
  '28000': {
    message: 'the database does not let this user in from here',
    hint: 'check the user in DATABASE_URL, pg_hba.conf, and whether TLS is asked for (sslmode=verify-full)',
  },
  '3D000': {
    message: 'the database in DATABASE_URL does not exist',
    hint: 'create it, or correct its name in DATABASE_URL',
  },
  '42501': {
    message: 'the database user lacks a permission',
    hint: 'it must own the schemas intercom and drizzle, or may create them (grant create on database)',
  },
  '42P01': {
    message: 'a table is missing',
    hint: 'run: intercom-sync migrate',
  },
  '42P07': {
    message: 'a table of that name is there already',
    hint: 'the schema intercom is for this program alone: move what else is in it, or use a database of its own',
  },
  '3F000': {
    message: 'a schema is missing',
    hint: 'run: intercom-sync migrate',
  },
  '25006': {
    message: 'the database is read-only',
    hint: 'DATABASE_URL must name the primary server, not a replica',
  },
  '53100': {
    message: 'the disk of the database is full',
    hint: 'make room and run again; everything up to the last checkpoint is kept',
  },
  '53300': {
    message: 'the database has no connection left',
    hint: 'raise max_connections or put a pooler before it; this program uses a handful',
  },
  '55P03': {
    message: 'a lock was not to be had in time',
    hint: 'see pg_stat_activity for who holds it',
  },
  '57014': {
    message: 'a statement took longer than it may',
    hint: 'see pg_stat_activity for what the database is busy with',
  },
};

function saidBySystem(code: string, isConnecting: boolean): SyncError {
  // A missing file is a certificate; a missing socket is a server that is not running.
  if (code === 'ERR_INVALID_URL' || (code === 'ENOENT' && !isConnecting)) {
    return new SyncError(
      'settings',
      `DATABASE_URL cannot be used (${code})`,
      'it looks like postgres://user:password@host:5432/database; a certificate it names must exist',
    );
  }
  if (/CERT|SELF_SIGNED|TLS|SSL|^EPROTO$|UNABLE_TO/.test(code)) return tlsFault(code);
  const known = SYSTEM_FAULTS[code];
  return new DatabaseFault(
    null,
    `${known?.message ?? 'the connection to the database failed'} (${code})`,
    known?.hint ?? 'check host and port in DATABASE_URL and the network in between',
  );
}

const SYSTEM_FAULTS: Readonly<Record<string, KnownFault>> = {
  ECONNREFUSED: {
    message: 'no database answers at the address of DATABASE_URL',
    hint: 'is Postgres running, and are host and port right?',
  },
  ENOTFOUND: {
    message: 'the host in DATABASE_URL is not known',
    hint: 'check the spelling of the host, and DNS',
  },
  EAI_AGAIN: {
    message: 'the host in DATABASE_URL cannot be looked up now',
    hint: 'check DNS',
  },
};

function saidByDriver(error: Error): SyncError {
  // The one plain Error that says something else than that the connection is lost; it has no code.
  if (error.message.includes('does not support SSL')) return tlsFault('refused by the server');
  return new DatabaseFault(
    null,
    'the connection to the database was lost, or did not answer in time',
    'check that the database is up and reachable',
  );
}

function tlsFault(code: string): SyncError {
  return new SyncError(
    'database',
    `the TLS connection to the database failed (${code})`,
    'check sslmode in DATABASE_URL, and sslrootcert for a certificate of your own authority',
  );
}

/** Of several addresses tried in turn, the first that says why. */
function codeOf(error: Error): string | null {
  const candidates = error instanceof AggregateError ? [error, ...error.errors] : [error];
  for (const candidate of candidates) {
    const { code } = candidate as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return null;
}
