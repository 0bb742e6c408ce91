import { type SQL, sql } from 'drizzle-orm';
import type { PageCounts, PageWrite } from '../sync/store.ts';
import type { Transaction } from './database.ts';
import { type Fence, heldLease, leaseLost } from './fence.ts';
import { syncCheckpoints, syncLeases } from './schema.ts';

export interface OpenedPage {
  /** What an earlier try has written, when its COMMIT went through and the answer was lost. */
  readonly written: PageCounts | null;
  readonly hasOpenRejects: boolean;
}

/** What a page needs before it may land: holds the lease, and sees what there is left to do. */
export async function openPage(
  tx: Transaction,
  fence: Fence,
  { runId, sequence }: Pick<PageWrite, 'runId' | 'sequence'>,
): Promise<OpenedPage> {
  const opened = await tx.execute<OpenedRow>(sql`
    select done.sequence is not null as is_done, done.users, done.inserted, done.updated,
      done.unchanged, done.duplicates, done.rejected,
      exists (select 1 from intercom.rejected_users
        where workspace = ${fence.workspace} and resolved_at is null) as has_open_rejects
    from ${syncLeases}
    left join ${syncCheckpoints} as done on done.run_id = ${runId} and done.sequence = ${sequence}
    ${heldLease(fence)} for share of sync_leases`);
  const row = opened.rows[0];
  if (!row) throw leaseLost(fence);
  const { is_done: isDone, has_open_rejects: hasOpenRejects, ...counts } = row;
  return { written: isDone ? counts : null, hasOpenRejects };
}

// A mapped type and not the interface itself: Drizzle asks for an index signature.
type OpenedRow = { [Key in keyof PageCounts]: number } & {
  is_done: boolean;
  has_open_rejects: boolean;
};

export async function saveCheckpoint(
  tx: Transaction,
  page: PageWrite,
  counts: PageCounts,
): Promise<void> {
  await tx.insert(syncCheckpoints).values({
    runId: BigInt(page.runId),
    sequence: page.sequence,
    pass: page.pass,
    page: wholeUpTo(page.page, 2 ** 31 - 1),
    next: page.next,
    totalCount: wholeUpTo(page.totalCount, Number.MAX_SAFE_INTEGER),
    ...counts,
    seenIds: [...page.seenIds],
    committedAt: sql`clock_timestamp()`,
  });
}

/** A count that is none must not cost the page. */
function wholeUpTo(value: number | null, max: number): number | null {
  return Number.isInteger(value) && Math.abs(value ?? 0) <= max ? value : null;
}

/** The ids of a run and of those it was resumed from. `union` ends a circle, should there be one. */
export function chainOf(runId: string): SQL {
  return sql`with recursive chain (id) as (
    select ${runId}::bigint
    union
    select earlier.resumed_from from chain join intercom.sync_runs as earlier using (id)
    where earlier.resumed_from is not null
  )`;
}

export async function countSeen(tx: Transaction, runId: string): Promise<number> {
  const counted = await tx.execute<{ count: string }>(sql`${chainOf(runId)}
    select count(distinct seen) from chain
    join ${syncCheckpoints} on run_id = chain.id cross join lateral unnest(seen_ids) as seen`);
  return Number(counted.rows[0]?.count ?? 0);
}

export interface SeenPage {
  readonly runId: string;
  readonly sequence: number;
  readonly ids: readonly string[];
}

/** The ids of the checkpoints after one of them, whole checkpoints at a time: no id is sorted. */
export async function readSeen(
  tx: Transaction,
  runId: string,
  after: Pick<SeenPage, 'runId' | 'sequence'> | null,
  count: number,
): Promise<SeenPage[]> {
  const read = await tx.execute<{ run_id: string; sequence: number; seen_ids: string[] }>(
    sql`${chainOf(runId)}
      select run_id, sequence, seen_ids from chain
      join ${syncCheckpoints} on run_id = chain.id
      where ${after === null} or (run_id, sequence) > (${after?.runId ?? 0}, ${after?.sequence ?? 0})
      order by run_id, sequence limit ${count}`,
  );
  return read.rows.map((row) => ({
    runId: row.run_id,
    sequence: row.sequence,
    ids: row.seen_ids,
  }));
}

/** Lets the seen ids go of a run that cannot be resumed any more, and of those before it. */
export async function forgetSeen(tx: Transaction, runId: string): Promise<void> {
  await tx.execute(sql`${chainOf(runId)}
    update ${syncCheckpoints} set seen_ids = '{}'
    where run_id in (select id from chain) and seen_ids <> '{}'`);
}
