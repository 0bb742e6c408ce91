import { sql } from 'drizzle-orm';
import { SyncError } from '../errors.ts';
import type { Database } from './database.ts';
import { isLockTimeout } from './faults.ts';
import { type Fence, heldLease } from './fence.ts';
import { pause } from './retry.ts';
import { syncLeases } from './schema.ts';

export interface LeaseRequest {
  readonly workspace: string;
  /** Who to name when somebody else asks: a host and a process. */
  readonly owner: string;
  readonly leaseSeconds: number;
  /** Go on waiting while another run renews its lease. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
}

export interface Lease extends Fence {
  /** Expires it, and keeps the row so that the fence grows. Never throws. */
  release(): Promise<void>;
}

const POLL_MS = 500;
const POLLS_PER_LIFE = 20;
// A full run of a large workspace takes hours; a day is a run that hangs.
const WAIT_MAX_MS = 24 * 60 * 60_000;
// An expired lease whose row is locked: its holder stopped inside a transaction and is thrown out
// of it by the server within half a lease's life.
const TAKE_OVER_MAX_MS = 30_000;
const LOCK_WAIT_MAX_MS = 1_000;
const RELEASE_MAX_MS = 5_000;

/** Takes the workspace: at once, or when its holder has not renewed for one lease's life. */
export async function acquireLease(database: Database, request: LeaseRequest): Promise<Lease> {
  const pollMs = Math.min(POLL_MS, (request.leaseSeconds * 1000) / POLLS_PER_LIFE);
  const startedMs = performance.now();
  let first: Holder | null = null;
  for (;;) {
    request.signal.throwIfAborted();
    const holder = await readHolder(database, request.workspace);
    if (holder === null || holder.isExpired) {
      const askedAtMs = performance.now();
      const fence = await takeLease(database, request);
      if (fence !== null) return keepLease(database, request, fence, askedAtMs);
    }
    if (holder !== null) {
      first ??= holder;
      const watchedMs = performance.now() - startedMs;
      const isRenewed = holder.expiresAt !== first.expiresAt || holder.fence !== first.fence;
      const watchMaxMs = request.wait ? WAIT_MAX_MS : first.leftMs + TAKE_OVER_MAX_MS;
      if ((isRenewed && !request.wait) || watchedMs > watchMaxMs) throw heldBy(request, holder);
    }
    await pause(pollMs, request.signal);
  }
}

interface Holder {
  readonly owner: string;
  readonly fence: string;
  readonly expiresAt: string;
  readonly leftMs: number;
  readonly isExpired: boolean;
}

/** A plain look, which neither locks nor waits for the row. */
async function readHolder(database: Database, workspace: string): Promise<Holder | null> {
  return database.transaction(
    async (tx) => {
      const found = await tx.execute<{
        owner: string;
        fence: string;
        expires_at: string;
        left_ms: number;
      }>(sql`select owner, fence, expires_at,
          (extract(epoch from expires_at - clock_timestamp()) * 1000)::double precision as left_ms
        from ${syncLeases} where workspace = ${workspace}`);
      const row = found.rows[0];
      if (!row) return null;
      const leftMs = Math.max(0, row.left_ms);
      const isExpired = row.left_ms <= 0;
      return { owner: row.owner, fence: row.fence, expiresAt: row.expires_at, leftMs, isExpired };
    },
    { isReadOnly: true },
  );
}

/** Null when it was not to be had: somebody was faster, or its row is still locked. */
async function takeLease(database: Database, request: LeaseRequest): Promise<bigint | null> {
  const { workspace, owner, leaseSeconds } = request;
  const expiry = expiryIn(leaseSeconds);
  try {
    return await database.transaction(
      async (tx) => {
        const taken = await tx
          .insert(syncLeases)
          .values({ workspace, owner, fence: 1n, expiresAt: expiry })
          .onConflictDoUpdate({
            target: syncLeases.workspace,
            set: { owner, fence: sql`${syncLeases.fence} + 1`, expiresAt: expiry },
            setWhere: sql`${syncLeases.expiresAt} <= clock_timestamp()`,
          })
          .returning({ fence: syncLeases.fence });
        return taken[0]?.fence ?? null;
      },
      { lockWaitMaxMs: LOCK_WAIT_MAX_MS },
    );
  } catch (error) {
    if (isLockTimeout(error)) return null;
    throw error;
  }
}

function heldBy({ workspace }: LeaseRequest, { owner, leftMs, isExpired }: Holder): SyncError {
  const until = new Date(Date.now() + leftMs).toISOString();
  return new SyncError(
    'busy',
    `another run holds workspace ${workspace}: ${owner}, ${isExpired ? 'inside a transaction' : `until ${until}`}`,
    'let it finish, or wait for it with --wait',
  );
}

/** Renews every third of its life, so that two renewals may fail before it is lost. */
function keepLease(
  database: Database,
  request: LeaseRequest,
  fence: bigint,
  askedAtMs: number,
): Lease {
  const { workspace, leaseSeconds } = request;
  const lifeMs = leaseSeconds * 1000;
  const lost = new AbortController();
  const held: Fence = { workspace, fence, leaseSeconds, lost: lost.signal };
  let renewal = setTimeout(renew, lifeMs / 3);
  let expiry = setTimeout(expire, askedAtMs + lifeMs - performance.now());

  async function renew(): Promise<void> {
    const sentAtMs = performance.now();
    const outcome = await renewLease(database, held).catch((error: unknown) => error);
    if (lost.signal.aborted) return;
    if (outcome === 'taken') return lose(`lease of workspace ${workspace} was taken over`);
    if (outcome === 'renewed') {
      clearTimeout(expiry);
      expiry = setTimeout(expire, sentAtMs + lifeMs - performance.now());
    } else if (!(outcome instanceof SyncError)) return lost.abort(outcome);
    // After an error of the database sooner: the lease lives on until it expires.
    renewal = setTimeout(renew, outcome === 'renewed' ? lifeMs / 3 : lifeMs / 10);
  }

  function expire(): void {
    lose(`lease of workspace ${workspace} could not be renewed before it expired`);
  }

  function lose(what: string): void {
    stop();
    lost.abort(new SyncError('busy', `the ${what}`, 'run again to go on from the last checkpoint'));
  }

  function stop(): void {
    clearTimeout(renewal);
    clearTimeout(expiry);
  }

  return {
    ...held,
    async release() {
      stop();
      await expireLease(database, held);
    },
  };
}

async function renewLease(database: Database, fence: Fence): Promise<'renewed' | 'taken'> {
  const thirdMs = (fence.leaseSeconds * 1000) / 3;
  return database.transaction(
    async (tx) => {
      const { rowCount } = await tx.execute(
        sql`update ${syncLeases} set expires_at = ${expiryIn(fence.leaseSeconds)} ${heldLease(fence)}`,
      );
      return rowCount === 1 ? 'renewed' : 'taken';
    },
    { statementMaxMs: thirdMs, lockWaitMaxMs: thirdMs },
  );
}

async function expireLease(database: Database, fence: Fence): Promise<void> {
  try {
    await database.transaction(
      (tx) =>
        tx.execute(
          sql`update ${syncLeases} set expires_at = clock_timestamp() ${heldLease(fence)}`,
        ),
      { statementMaxMs: RELEASE_MAX_MS, lockWaitMaxMs: RELEASE_MAX_MS },
    );
  } catch {
    // It expires by itself, and whatever is wrong with the database has been told already.
  }
}

function expiryIn(seconds: number) {
  return sql`clock_timestamp() + make_interval(secs => ${seconds})`;
}
