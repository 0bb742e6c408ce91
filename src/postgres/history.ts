import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { GLANCE_BOUNDS } from './overview.ts';
import { type RunSummary, readRuns } from './status.ts';
import type { Transaction } from './transaction.ts';

/** What has become of one workspace, as far back as runs are kept. */
export interface WorkspaceHistory {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  /** Oldest first. */
  readonly userCounts: readonly UserCount[];
  /** The most frequent first. */
  readonly rejectReasons: readonly { readonly reason: string; readonly users: number }[];
}

export interface UserCount {
  readonly at: Date;
  /** Users of the workspace, as Intercom counted them. */
  readonly users: number;
}

const RUNS_MAX = 40;
const COUNTS_MAX = 60;
// Three months of hourly runs; counted over, not drawn.
const COUNTED_RUNS_MAX = 2_000;
const REASONS_MAX = 5;
const REJECTS_MAX = 10_000;

export async function readHistory(
  database: Database,
  workspace: string,
): Promise<WorkspaceHistory> {
  return database.transaction(
    async (tx) => ({
      runs: await readRuns(tx, workspace, RUNS_MAX),
      userCounts: await readUserCounts(tx, workspace),
      rejectReasons: await readRejectReasons(tx, workspace),
    }),
    GLANCE_BOUNDS,
  );
}

/** Every run's count, or every second's, or every third's…: from the newest back, and few enough. */
async function readUserCounts(tx: Transaction, workspace: string): Promise<UserCount[]> {
  const read = await tx.execute<{ started_at: string; total_count: string }>(sql`
    with numbered as (
      select id, started_at, row_number() over (order by id desc) - 1 as back, count(*) over () as runs
      from (select id, started_at from intercom.sync_runs
        where workspace = ${workspace} and mode <> 'lookup'
        order by id desc limit ${COUNTED_RUNS_MAX}) as recent
    )
    select started_at, total_count from numbered
    cross join lateral (select total_count from intercom.sync_checkpoints as c
      where c.run_id = numbered.id and c.pass in ('list', 'updated') and c.total_count >= 0
      order by c.sequence limit 1) as counted
    where back % ceil(runs / ${COUNTS_MAX}::numeric)::bigint = 0
    order by id`);
  return read.rows.map((row) => ({
    at: new Date(row.started_at),
    users: Number(row.total_count),
  }));
}

async function readRejectReasons(tx: Transaction, workspace: string) {
  const read = await tx.execute<{ reason: string; users: string }>(sql`
    select reason, count(*) as users
    from (select reason from intercom.rejected_users
      where workspace = ${workspace} and resolved_at is null limit ${REJECTS_MAX}) as open_rejects
    group by reason order by users desc, reason limit ${REASONS_MAX}`);
  return read.rows.map(({ reason, users }) => ({ reason, users: Number(users) }));
}
