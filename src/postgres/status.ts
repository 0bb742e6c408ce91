import { desc, eq, sql } from 'drizzle-orm';
import type { RunMode, RunStatus } from '../sync/store.ts';
import type { Database } from './database.ts';
import { syncRuns } from './schema.ts';
import { dateOf } from './texts.ts';
import type { Transaction } from './transaction.ts';

export interface WorkspaceStatus {
  readonly workspace: string;
  readonly appId: string | null;
  readonly watermark: Date | null;
  readonly liveUsers: number;
  readonly openRejects: number;
  /** Who writes now; null when nobody does. */
  readonly holder: { readonly owner: string; readonly expiresAt: Date } | null;
  /** Newest first. */
  readonly runs: readonly RunSummary[];
}

export interface RunSummary {
  readonly id: string;
  readonly mode: RunMode;
  /** `running` for a run that nobody holds the lease of any more: it died. */
  readonly status: RunStatus;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly watermark: Date | null;
  readonly limitReached: boolean;
  readonly pages: number;
  readonly users: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly deleted: number;
  readonly errorKind: string | null;
  readonly errorMessage: string | null;
}

const RUNS_MAX = 10;

/** Every workspace that was ever synced, by name. */
export async function readStatus(
  database: Database,
  runsMax: number = RUNS_MAX,
): Promise<readonly WorkspaceStatus[]> {
  return database.transaction(
    async (tx) => {
      const statuses: WorkspaceStatus[] = [];
      for (const row of await readWorkspaces(tx)) {
        statuses.push({
          workspace: row.workspace,
          appId: row.app_id,
          watermark: dateOf(row.watermark),
          liveUsers: Number(row.live_users),
          openRejects: Number(row.open_rejects),
          holder:
            row.owner === null || row.expires_at === null
              ? null
              : { owner: row.owner, expiresAt: new Date(row.expires_at) },
          runs: await readRuns(tx, row.workspace, runsMax),
        });
      }
      return statuses;
    },
    { isReadOnly: true, isSnapshot: true },
  );
}

type WorkspaceRow = {
  workspace: string;
  app_id: string | null;
  watermark: string | null;
  live_users: string;
  open_rejects: string;
  owner: string | null;
  expires_at: string | null;
};

async function readWorkspaces(tx: Transaction): Promise<WorkspaceRow[]> {
  const read = await tx.execute<WorkspaceRow>(sql`
    select name.workspace, known.app_id, known.watermark, lease.owner, lease.expires_at,
      (select count(*) from intercom.users as u
        where u.workspace = name.workspace and u.deleted_at is null) as live_users,
      (select count(*) from intercom.rejected_users as r
        where r.workspace = name.workspace and r.resolved_at is null) as open_rejects
    from (select workspace from intercom.workspaces
      union select workspace from intercom.sync_runs) as name
    left join intercom.workspaces as known using (workspace)
    left join intercom.sync_leases as lease
      on lease.workspace = name.workspace and lease.expires_at > clock_timestamp()
    order by name.workspace`);
  return read.rows;
}

/** Of a running run the counters are what its checkpoints say so far. */
export async function readRuns(
  tx: Transaction,
  workspace: string,
  runsMax: number,
): Promise<readonly RunSummary[]> {
  const live = (own: string, sum: string) =>
    sql<number>`case status when 'running' then (
      select ${sql.raw(sum)} from intercom.sync_checkpoints as c where c.run_id = sync_runs.id
    ) else ${sql.raw(own)} end`.mapWith(Number);
  const sumOf = (own: string, counter = own) => live(own, `coalesce(sum(c.${counter}), 0)`);
  const runs = await tx
    .select({
      id: sql`${syncRuns.id}`.mapWith(String),
      mode: syncRuns.mode,
      status: syncRuns.status,
      startedAt: syncRuns.startedAt,
      finishedAt: syncRuns.finishedAt,
      watermark: syncRuns.watermark,
      limitReached: syncRuns.limitReached,
      pages: live('pages', 'count(*)'),
      users: sumOf('users_read', 'users'),
      inserted: sumOf('inserted'),
      updated: sumOf('updated'),
      unchanged: sumOf('unchanged'),
      duplicates: sumOf('duplicates'),
      rejected: sumOf('rejected'),
      deleted: syncRuns.deleted,
      errorKind: syncRuns.errorKind,
      errorMessage: syncRuns.errorMessage,
    })
    .from(syncRuns)
    .where(eq(syncRuns.workspace, workspace))
    .orderBy(desc(syncRuns.id))
    .limit(runsMax);
  return runs;
}
