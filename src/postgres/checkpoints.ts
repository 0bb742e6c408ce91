import { type SQL, sql } from 'drizzle-orm';
import type { PageCounts, PageWrite } from '../sync/store.ts';
import { type Fence, heldLease } from './fence.ts';
import { syncCheckpoints, syncLeases } from './schema.ts';
import { prepareStatement } from './statement.ts';
import type { Transaction } from './transaction.ts';

/**
 * The statement that writes the checkpoint of a page that may land: under a lease that is held, and from
 * then on kept held. No row: the page has landed before. Without the lease there is no run, which a
 * checkpoint must have, so that it fails (`isNullRefused`), and a COMMIT behind it with it.
 */
export function checkpointOf(fence: Fence, page: PageWrite, counts: PageCounts) {
  return SAVE({
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
}

const given = (name: string) => sql.placeholder(name);

const SAVE = prepareStatement(sql`
  insert into ${syncCheckpoints} (run_id, sequence, pass, page, next, total_count, seen_ids,
    users, inserted, updated, unchanged, duplicates, rejected, committed_at)
  values ((select ${given('runId')}::bigint from ${syncLeases}
      ${heldLease({ workspace: given('workspace'), fence: given('fence') })} for share),
    ${given('sequence')}, ${given('pass')}, ${given('page')}, ${given('next')},
    ${given('totalCount')}, ${given('seenIds')}, ${given('users')}, ${given('inserted')},
    ${given('updated')}, ${given('unchanged')}, ${given('duplicates')}, ${given('rejected')},
    clock_timestamp())
  on conflict (run_id, sequence) do nothing returning 1`);

/** The counts of a page that has landed. */
export async function readWritten(
  tx: Transaction,
  { runId, sequence }: Pick<PageWrite, 'runId' | 'sequence'>,
): Promise<PageCounts> {
  const read = await tx.execute<{ [Key in keyof PageCounts]: number }>(sql`
    select users, inserted, updated, unchanged, duplicates, rejected
    from ${syncCheckpoints} where run_id = ${runId} and sequence = ${sequence}`);
  if (!read.rows[0]) throw new Error('the checkpoint of a page that has landed is not there');
  return read.rows[0];
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
