import { inArray, sql } from 'drizzle-orm';
import type { RunMode, RunStatus } from '../sync/store.ts';
import { chainOf } from './checkpoints.ts';
import type { Database } from './database.ts';
import { syncRuns } from './schema.ts';
import { dateOf, numberOf } from './texts.ts';
import type { Transaction } from './transaction.ts';

/** Every workspace at one instant. Whoever looks is kept waiting for seconds at most. */
export interface Overview {
  /** The database's clock, for ages. */
  readonly now: Date;
  readonly workspaces: ReadonlyMap<string, WorkspaceGlance>;
}

export interface WorkspaceGlance {
  readonly workspace: string;
  /** When the last run finished that moved the watermark. */
  readonly lastSuccessAt: Date | null;
  /** When it began: what changed in Intercom before then is here. */
  readonly completeUntil: Date | null;
  readonly openRejects: number;
  /** Users of the workspace as Intercom counted them last. */
  readonly userCount: number | null;
  /** The newest run; lookups by hand are left out here and below. */
  readonly newest: RunGlance | null;
  /** The newest run that is over. */
  readonly lastEnded: RunGlance | null;
  /** Of a newest run that is on; null once its lease is gone: it died. */
  readonly progress: RunProgress | null;
}

export interface RunGlance {
  readonly id: string;
  readonly mode: RunMode;
  readonly status: RunStatus;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly limitReached: boolean;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly errorKind: string | null;
  readonly errorMessage: string | null;
}

export interface RunProgress {
  /** Null before the first page. */
  readonly pass: string | null;
  readonly pages: number;
  readonly users: number;
  readonly inserted: number;
  readonly updated: number;
  readonly rejected: number;
  /** Users of this pass, those included that were read by the runs this one goes on from. */
  readonly passUsers: number;
  /** What Intercom counts; of a scroll, by the list before it. */
  readonly totalCount: number | null;
  readonly lastPageAt: Date | null;
}

/** For whoever waits for a page or a scrape: better no answer than a late one. */
export const GLANCE_BOUNDS = {
  isReadOnly: true,
  isSnapshot: true,
  statementMaxMs: 2_000,
  lockWaitMaxMs: 1_000,
} as const;
// Each costs a statement; more at once than any sensible number of workers does.
const RUNNING_MAX = 50;

export async function readOverview(
  database: Database,
  workspaces: readonly string[],
): Promise<Overview> {
  return database.transaction(async (tx) => {
    const rows = await readWorkspaceRows(tx, workspaces);
    const runs = await readNewestRuns(tx, workspaces);
    const progressOf = await readProgress(tx, rows, runs);
    const glances = rows.map((row): [string, WorkspaceGlance] => {
      const own = runs.filter((run) => run.workspace === row.workspace);
      return [
        row.workspace,
        {
          workspace: row.workspace,
          lastSuccessAt: dateOf(row.last_success_at),
          completeUntil: dateOf(row.complete_until),
          openRejects: Number(row.open_rejects),
          userCount: numberOf(row.user_count),
          newest: own[0] ?? null,
          lastEnded: own.find((run) => run.status !== 'running') ?? null,
          progress: progressOf.get(row.workspace) ?? null,
        },
      ];
    });
    return { now: new Date(rows[0]?.now ?? Date.now()), workspaces: new Map(glances) };
  }, GLANCE_BOUNDS);
}

type WorkspaceRow = {
  now: string;
  workspace: string;
  is_held: boolean;
  last_success_at: string | null;
  complete_until: string | null;
  open_rejects: string;
  user_count: string | null;
};

/** `updated` and `list` count all users; `created` counts only those of its days. */
async function readWorkspaceRows(
  tx: Transaction,
  workspaces: readonly string[],
): Promise<WorkspaceRow[]> {
  const read = await tx.execute<WorkspaceRow>(sql`
    select clock_timestamp() as now, asked.workspace, lease.workspace is not null as is_held,
      success.finished_at as last_success_at, success.started_at as complete_until,
      (select count(*) from intercom.rejected_users as r
        where r.workspace = asked.workspace and r.resolved_at is null) as open_rejects,
      (select c.total_count from intercom.sync_checkpoints as c
        where c.run_id = success.id and c.pass in ('list', 'updated') and c.total_count >= 0
        order by c.sequence limit 1) as user_count
    from unnest(${sql.param(workspaces)}::text[]) as asked (workspace)
    left join intercom.sync_leases as lease
      on lease.workspace = asked.workspace and lease.expires_at > clock_timestamp()
    left join lateral (select run.id, run.started_at, run.finished_at from ${syncRuns} as run
      where run.workspace = asked.workspace and run.mode <> 'lookup'
        and run.status = 'succeeded' and run.watermark is not null
      order by run.id desc limit 1) as success on true`);
  return read.rows;
}

type NewestRun = RunGlance & { readonly workspace: string };

/** Of each workspace its newest run, and the newest that is over. Newest first. */
async function readNewestRuns(
  tx: Transaction,
  workspaces: readonly string[],
): Promise<readonly NewestRun[]> {
  const newest = (more: string) => sql`(select run.id from ${syncRuns} as run
    where run.workspace = asked.workspace and run.mode <> 'lookup' ${sql.raw(more)}
    order by run.id desc limit 1)`;
  const rows = await tx
    .select()
    .from(syncRuns)
    .where(
      inArray(
        syncRuns.id,
        sql`(select found.id from unnest(${sql.param(workspaces)}::text[]) as asked (workspace)
          cross join lateral (${newest('')} union ${newest("and run.status <> 'running'")}) as found)`,
      ),
    );
  return rows.sort((a, b) => (a.id < b.id ? 1 : -1)).map((row) => ({ ...row, id: String(row.id) }));
}

async function readProgress(
  tx: Transaction,
  rows: readonly WorkspaceRow[],
  runs: readonly NewestRun[],
): Promise<ReadonlyMap<string, RunProgress>> {
  const held = new Set(rows.filter((row) => row.is_held).map((row) => row.workspace));
  const live = runs.filter((run) => run.status === 'running' && held.has(run.workspace));
  const progress = new Map<string, RunProgress>();
  for (const run of live.slice(0, RUNNING_MAX)) {
    progress.set(run.workspace, await readProgressOf(tx, run.id));
  }
  return progress;
}

type ProgressRow = {
  pass: string | null;
  pages: string;
  users: string;
  inserted: string;
  updated: string;
  rejected: string;
  pass_users: string;
  total_count: string | null;
  last_page_at: string | null;
};

async function readProgressOf(tx: Transaction, runId: string): Promise<RunProgress> {
  const own = (counter: string) =>
    sql.raw(`coalesce(sum(c.${counter}) filter (where c.run_id = last.run_id), 0)`);
  const read = await tx.execute<ProgressRow>(sql`${chainOf(runId)}, last as (
      select run_id, pass, committed_at from intercom.sync_checkpoints
      where run_id = ${runId} order by sequence desc limit 1
    )
    select min(last.pass) as pass, min(last.committed_at) as last_page_at,
      count(*) filter (where c.run_id = last.run_id) as pages, ${own('users')} as users,
      ${own('inserted')} as inserted, ${own('updated')} as updated, ${own('rejected')} as rejected,
      coalesce(sum(c.users) filter (where c.pass = last.pass), 0) as pass_users,
      (array_agg(c.total_count order by c.run_id desc, c.sequence desc)
        filter (where c.total_count >= 0))[1] as total_count
    from last cross join chain join intercom.sync_checkpoints as c on c.run_id = chain.id`);
  const row = read.rows[0];
  return {
    pass: row?.pass ?? null,
    pages: Number(row?.pages ?? 0),
    users: Number(row?.users ?? 0),
    inserted: Number(row?.inserted ?? 0),
    updated: Number(row?.updated ?? 0),
    rejected: Number(row?.rejected ?? 0),
    passUsers: Number(row?.pass_users ?? 0),
    totalCount: numberOf(row?.total_count ?? null),
    lastPageAt: dateOf(row?.last_page_at ?? null),
  };
}
