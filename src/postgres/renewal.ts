import { sql } from 'drizzle-orm';
import { SyncError } from '../errors.ts';
import type { Database } from './database.ts';
import { type Fence, leaseLost, ownLease } from './fence.ts';
import { RECONNECT_MAX_MS } from './retry.ts';
import { syncLeases } from './schema.ts';

export interface Lease extends Fence {
  /** Expires it, and keeps the row, whose fence only grows. Never throws. */
  release(): Promise<void>;
}

export interface TakenLease {
  readonly workspace: string;
  readonly leaseSeconds: number;
  readonly fence: bigint;
  /** When it was asked for, by `performance.now()`: it lives at least from then on. */
  readonly takenAtMs: number;
  /** How long past its life it is held on to while the database is away. */
  readonly awayMaxMs?: number;
}

const RELEASE_MAX_MS = 5_000;
/** Two renewals may fail before the lease is at its end. */
const RENEWALS_PER_LIFE = 3;
const PULSES_PER_LIFE = 10;

/**
 * Renews a lease for as long as it is held.
 *
 * A lease that ran out while the database was away is taken up again: the fence grows with each
 * holder, so as long as it is ours nobody has written in between. A process that was itself stopped
 * past the end of its lease gives it up unasked: what it has in hand is old. The pulse tells the two
 * apart: it goes on while the database is away, and stops with the process.
 */
export function keepLease(database: Database, taken: TakenLease): Lease {
  const { workspace, leaseSeconds, awayMaxMs = RECONNECT_MAX_MS } = taken;
  const lifeMs = leaseSeconds * 1000;
  const lost = new AbortController();
  let renewedAtMs = taken.takenAtMs;
  let pulseAtMs = performance.now();
  let isRenewing = false;
  let isReleased = false;
  const pulse = setInterval(beat, lifeMs / PULSES_PER_LIFE);
  const lease: Lease = {
    workspace,
    leaseSeconds,
    fence: taken.fence,
    lost: lost.signal,
    hasRunOut: () => performance.now() - renewedAtMs >= lifeMs,
    reclaim: renew,
    async release() {
      clearInterval(pulse);
      isReleased = true;
      await expireLease(database, lease);
    },
  };
  return lease;

  function beat(): void {
    giveUpIfStopped();
    pulseAtMs = performance.now();
    const ageMs = pulseAtMs - renewedAtMs;
    if (ageMs > lifeMs + awayMaxMs) lose(notRenewed(lease));
    const isDue = ageMs >= lifeMs / RENEWALS_PER_LIFE;
    if (isDue && !isRenewing && !lost.signal.aborted) void renew().catch(loseOnBug);
  }

  /** After an error of the database the next pulse tries again. */
  function loseOnBug(error: unknown): void {
    if (!(error instanceof SyncError)) lose(error);
  }

  async function renew(): Promise<void> {
    giveUpIfStopped();
    lost.signal.throwIfAborted();
    const sentAtMs = performance.now();
    isRenewing = true;
    try {
      if (!(await renewLease(database, lease))) lose(leaseLost(lease));
      else renewedAtMs = Math.max(renewedAtMs, sentAtMs);
    } finally {
      isRenewing = false;
    }
    lost.signal.throwIfAborted();
  }

  function giveUpIfStopped(): void {
    const nowMs = performance.now();
    const wasStopped = nowMs - pulseAtMs > lifeMs / 2;
    if (wasStopped && nowMs - renewedAtMs > lifeMs) lose(leaseLost(lease));
  }

  function lose(reason: unknown): void {
    clearInterval(pulse);
    if (!isReleased) lost.abort(reason);
  }
}

function notRenewed({ workspace }: Fence): SyncError {
  return new SyncError(
    'database',
    `the lease of workspace ${workspace} could not be renewed: the database did not answer in time`,
    'check that the database is up and reachable; run again to go on from the last checkpoint',
  );
}

/** False when another holds it. */
async function renewLease(database: Database, fence: Fence): Promise<boolean> {
  const maxMs = (fence.leaseSeconds * 1000) / RENEWALS_PER_LIFE;
  return database.transaction(
    async (tx) => {
      const renewed = await tx.execute(
        sql`update ${syncLeases} set expires_at = ${expiryIn(fence.leaseSeconds)} ${ownLease(fence)}`,
      );
      return renewed.rowCount === 1;
    },
    { statementMaxMs: maxMs, lockWaitMaxMs: maxMs },
  );
}

/** The fence moves on, so that a renewal which is still under way gives it no new life. */
async function expireLease(database: Database, fence: Fence): Promise<void> {
  try {
    await database.transaction(
      (tx) =>
        tx.execute(
          sql`update ${syncLeases} set expires_at = clock_timestamp(), fence = fence + 1
            ${ownLease(fence)}`,
        ),
      { statementMaxMs: RELEASE_MAX_MS, lockWaitMaxMs: RELEASE_MAX_MS },
    );
  } catch {
    // It expires by itself, and whatever is wrong with the database has been told already.
  }
}

export function expiryIn(seconds: number) {
  return sql`clock_timestamp() + make_interval(secs => ${seconds})`;
}
