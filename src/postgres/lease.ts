import { hostname } from 'node:os';
import { sql } from 'drizzle-orm';
import { SyncError } from '../errors.ts';
import type { Database } from './database.ts';
import { isLockTimeout } from './faults.ts';
import { expiryIn, keepLease, type Lease } from './renewal.ts';
import { pause } from './retry.ts';
import { syncLeases } from './schema.ts';

export interface LeaseRequest {
  readonly workspace: string;
  /** Who to name when somebody else asks; `thisProcess` says who that is. */
  readonly owner: string;
  readonly leaseSeconds: number;
  /** Go on waiting while another run renews its lease. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
  /** Told once, when another run holds the workspace and is watched. */
  readonly onHeld?: (owner: string, leftMs: number) => void;
  /** How long past its life the lease is held on to while the database is away. */
  readonly awayMaxMs?: number;
}

const POLL_MS = 500;
const POLLS_PER_LIFE = 20;
// A full run of a large workspace takes hours; a day is a run that hangs.
const WAIT_MAX_MS = 24 * 60 * 60_000;
// An expired lease whose row is locked: its holder stopped inside a transaction and is thrown out
// of it by the server within half a lease's life.
const TAKE_OVER_MAX_MS = 30_000;
const LOCK_WAIT_MAX_MS = 1_000;

export function thisProcess(): string {
  return `${hostname()}:${process.pid}`;
}

/** Takes the workspace: at once, or when its holder has not renewed for one lease's life. */
export async function acquireLease(database: Database, request: LeaseRequest): Promise<Lease> {
  const pollMs = Math.min(POLL_MS, (request.leaseSeconds * 1000) / POLLS_PER_LIFE);
  const startedMs = performance.now();
  let first: Holder | null = null;
  for (;;) {
    request.signal.throwIfAborted();
    const holder = await readHolder(database, request.workspace);
    if (holder === null || holder.isExpired) {
      const takenAtMs = performance.now();
      const fence = await takeLease(database, request);
      if (fence !== null) return keepLease(database, { ...request, fence, takenAtMs });
    }
    if (holder !== null) {
      if (first === null) request.onHeld?.(holder.owner, holder.leftMs);
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
