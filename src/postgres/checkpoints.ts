import { type SQL, sql } from 'drizzle-orm';
import type { PageCounts, PageWrite } from '../sync/store.ts';
import type { Transaction } from './database.ts';
import { type Fence, heldLease, leaseLost } from './fence.ts';
import { syncCheckpoints, syncLeases } from './schema.ts';
import { prepareStatement } from './statement.ts';

export interface Landed {
  /** What an earlier try has written, when its COMMIT went through and the answer was lost. */
  readonly written: PageCounts | null;
  readonly hasOpenRejects: boolean;
}

/**
 * Writes the checkpoint of a page that may land: under a lease that is held, and from then on kept held,
 * and only if it has not landed before. In one statement: what a page does from here on, the pages
 * behind it wait for.
 */
export async function saveCheckpoint(
  tx: Transaction,
  fence: Fence,
  page: PageWrite,
  counts: PageCounts,
): Promise<Landed> {
  const [saved] = await SAVE(tx, {
    ...counts,
    workspace: fence.workspace,
    fence: fence.fence,
    runId: page.runId,
    sequence: page.sequence,
    pass: page.pass,
    page: wholeUpTo(page.page, 2 ** 31 - 1),
    next: page.next,
    totalCount: wholeUpTo(page.totalCount, Number.MAX_SAFE_INTEGER),
    seenIds: page.seenIds,
  });
  if (saved) return { written: null, hasOpenRejects: saved.has_open_rejects };
  return { written: await readWritten(tx, fence, page), hasOpenRejects: false };
}

const given = (name: string) => sql.placeholder(name);

const SAVE = prepareStatement<{ has_open_rejects: boolean }>(sql`
  insert into ${syncCheckpoints} (run_id, sequence, pass, page, next, total_count, seen_ids,
    users, inserted, updated, unchanged, duplicates, rejected, committed_at)
  select ${given('runId')}::bigint, ${given('sequence')}::integer, ${given('pass')}::text,
    ${given('page')}::integer, ${given('next')}::text, ${given('totalCount')}::bigint,
    ${given('seenIds')}::text[], ${given('users')}::integer, ${given('inserted')}::integer,
    ${given('updated')}::integer, ${given('unchanged')}::integer,
    ${given('duplicates')}::integer, ${given('rejected')}::integer, clock_timestamp()
  from ${syncLeases} ${heldLease({ workspace: given('workspace'), fence: given('fence') })} for share
  on conflict (run_id, sequence) do nothing
  returning exists (select 1 from intercom.rejected_users
    where workspace = ${given('workspace')} and resolved_at is null) as has_open_rejects`);

async function readWritten(
  tx: Transaction,
  fence: Fence,
  { runId, sequence }: PageWrite,
): Promise<PageCounts> {
  const held = await tx.execute<{ [Key in keyof PageCounts]: number }>(sql`
    select users, inserted, updated, unchanged, duplicates, rejected
    from ${syncCheckpoints}, ${syncLeases} ${heldLease(fence)}
      and run_id = ${runId} and sequence = ${sequence}`);
  if (!held.rows[0]) throw leaseLost(fence);
  return held.rows[0];
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
