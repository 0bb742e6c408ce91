import { sql } from 'drizzle-orm';
import { SyncError } from '../errors.ts';
import type { Database } from './database.ts';
import { RECONNECT_MAX_MS, withReconnect } from './retry.ts';
import { syncLeases } from './schema.ts';
import type { Transaction, TransactionOptions } from './transaction.ts';

/** What every write is checked against. The number grows each time the lease is taken. */
export interface Fence {
  readonly workspace: string;
  readonly fence: bigint;
  readonly leaseSeconds: number;
  /** Aborted, with the `SyncError` that says why, when the lease could not be kept. */
  readonly lost: AbortSignal;
  /** By our own clock, which is never the later one. */
  hasRunOut(): boolean;
  /** Renews the lease now, also one that ran out while the database was away and nobody took. */
  reclaim(): Promise<void>;
}

/**
 * One transaction that no successor can overtake: it holds the lease's row from its first
 * statement to its end, so a lease that is taken over in between waits for it.
 */
export function fenced<T>(
  database: Database,
  fence: Fence,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return reconnecting(fence, (options) =>
    database.transaction(async (tx) => {
      const held = await tx.execute(sql`select 1 from ${syncLeases} ${heldLease(fence)} for share`);
      if (held.rows.length === 0) throw leaseLost(fence);
      return work(tx);
    }, options),
  );
}

export interface Tries {
  /** It was tried before. */
  readonly isAgain?: boolean;
  /** 0: once. */
  readonly reconnectMaxMs?: number;
}

/** The same without the check, for work that brings its own. */
export function reconnecting<T>(
  fence: Fence,
  transact: (options: TransactionOptions) => Promise<T>,
  { isAgain = false, reconnectMaxMs = RECONNECT_MAX_MS }: Tries = {},
): Promise<T> {
  let mayBeOld = isAgain;
  return withReconnect(
    async () => {
      // While the database was away it could not be renewed, and may not have been again yet.
      if (mayBeOld || fence.hasRunOut()) await fence.reclaim();
      mayBeOld = true;
      return transact({ ...boundsOf(fence), signal: fence.lost });
    },
    fence.lost,
    reconnectMaxMs,
  );
}

/** What tells a lease from all others, or placeholders for it. */
type LeaseKey = Readonly<Record<'workspace' | 'fence', unknown>>;

/** By the clock and not by `now()`, which stands still from the BEGIN on. */
export function heldLease(fence: LeaseKey) {
  return sql`${ownLease(fence)} and ${syncLeases.expiresAt} > clock_timestamp()`;
}

/** Nobody else has taken it since, whether it has run out or not. */
export function ownLease({ workspace, fence }: LeaseKey) {
  return sql`where ${syncLeases.workspace} = ${workspace} and ${syncLeases.fence} = ${fence}`;
}

export function leaseLost({ workspace }: Pick<Fence, 'workspace'>): SyncError {
  return new SyncError(
    'busy',
    `the lease of workspace ${workspace} is lost: it expired, or another run holds it`,
    'nothing was written after that; run again to go on from the last checkpoint',
  );
}

/** A process that stops inside its transaction must let go of the row before its lease expires. */
function boundsOf({ leaseSeconds }: Fence): TransactionOptions {
  const lifeMs = leaseSeconds * 1000;
  return { idleMaxMs: lifeMs / 2, lockWaitMaxMs: lifeMs / 2, statementMaxMs: (lifeMs * 2) / 3 };
}
