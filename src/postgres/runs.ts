import { and, desc, eq, ne, sql } from 'drizzle-orm';
import type { PassName } from '../sync/source.ts';
import type {
  Checkpoint,
  FinishedRun,
  NewRun,
  RunTotals,
  UnfinishedRun,
  WorkspaceState,
} from '../sync/store.ts';
import { chainOf, forgetSeen } from './checkpoints.ts';
import { syncCheckpoints, syncRuns, users, workspaces } from './schema.ts';
import type { Transaction } from './transaction.ts';

/** Whoever holds the lease is alone: a run that is still `running` has died. */
export async function startRun(tx: Transaction, workspace: string, run: NewRun): Promise<string> {
  await tx.execute(sql`
    update ${syncRuns} set status = 'abandoned', finished_at = clock_timestamp(), ${SUMS}
    where workspace = ${workspace} and status = 'running'`);
  const before = await readNewestRun(tx, workspace);
  // Only the newest run can be gone on from, so this one lets go of what it does not inherit.
  const isNewer = before !== null && run.mode !== 'lookup' && !isInherited(before, run);
  if (isNewer) await forgetSeen(tx, String(before.id));
  const started = await tx
    .insert(syncRuns)
    .values({
      workspace,
      mode: run.mode,
      status: 'running',
      resumedFrom: run.resumedFrom === null ? null : BigInt(run.resumedFrom),
      startedAt: sql`clock_timestamp()`,
      watermark: run.watermark,
    })
    .returning({ id: syncRuns.id });
  return String(started[0]?.id);
}

/** One that goes on from the same is this very run: the answer to its COMMIT was lost. */
function isInherited(
  before: { readonly id: bigint; readonly resumedFrom: bigint | null },
  { resumedFrom }: NewRun,
): boolean {
  return resumedFrom !== null && [before.id, before.resumedFrom].includes(BigInt(resumedFrom));
}

export async function finishRun(
  tx: Transaction,
  workspace: string,
  run: FinishedRun,
): Promise<RunTotals> {
  const isSucceeded = run.status === 'succeeded';
  if (run.watermark && !isSucceeded) throw new Error('a run without success moves no watermark');
  const watermark = run.watermark?.toISOString() ?? null;
  const finished = await tx.execute<TotalsRow>(sql`
    update ${syncRuns} set status = ${run.status}, finished_at = clock_timestamp(), ${SUMS},
      watermark = case when ${isSucceeded} then ${watermark}::timestamptz else watermark end,
      error_kind = ${run.errorKind}, error_message = ${run.errorMessage}
    where id = ${run.runId} and workspace = ${workspace}
    returning pages, users_read as users, inserted, updated, unchanged, duplicates, rejected`);
  const totals = finished.rows[0];
  if (!totals) throw new Error(`there is no run ${run.runId} to finish`);
  if (run.watermark) await moveWatermark(tx, workspace, run.runId, run.watermark);
  if (run.isOver) await forgetSeen(tx, run.runId);
  return totals;
}

type TotalsRow = { [Key in keyof RunTotals]: number };

// The counters of a run are the sums of its checkpoints, and come from nowhere else.
const SUMS = sql.raw(`
  (pages, users_read, inserted, updated, unchanged, duplicates, rejected) = (
    select count(*), coalesce(sum(c.users), 0), coalesce(sum(c.inserted), 0),
      coalesce(sum(c.updated), 0), coalesce(sum(c.unchanged), 0),
      coalesce(sum(c.duplicates), 0), coalesce(sum(c.rejected), 0)
    from intercom.sync_checkpoints as c where c.run_id = sync_runs.id
  )`);

async function moveWatermark(
  tx: Transaction,
  workspace: string,
  runId: string,
  watermark: Date,
): Promise<void> {
  const moved = { watermark, watermarkRunId: BigInt(runId) };
  await tx
    .insert(workspaces)
    .values({ workspace, ...moved })
    .onConflictDoUpdate({ target: workspaces.workspace, set: moved });
}

export async function setRunWatermark(
  tx: Transaction,
  runId: string,
  watermark: Date,
): Promise<void> {
  await tx
    .update(syncRuns)
    .set({ watermark })
    .where(eq(syncRuns.id, BigInt(runId)));
}

export async function markLimitReached(tx: Transaction, runId: string): Promise<void> {
  await tx
    .update(syncRuns)
    .set({ limitReached: true })
    .where(eq(syncRuns.id, BigInt(runId)));
}

/** The first app wins; the caller compares. */
export async function bindApp(tx: Transaction, workspace: string, appId: string): Promise<string> {
  const bound = await tx
    .insert(workspaces)
    .values({ workspace, appId })
    .onConflictDoUpdate({
      target: workspaces.workspace,
      set: { appId: sql`coalesce(${workspaces.appId}, excluded.app_id)` },
    })
    .returning({ appId: workspaces.appId });
  return bound[0]?.appId ?? appId;
}

export async function readWorkspace(tx: Transaction, workspace: string): Promise<WorkspaceState> {
  const known = await tx.select().from(workspaces).where(eq(workspaces.workspace, workspace));
  const clock = await tx
    .select({
      now: sql`clock_timestamp()`.mapWith(syncRuns.startedAt),
      lastFullRunAt: sql`max(${syncRuns.finishedAt})`.mapWith(syncRuns.finishedAt),
      hasUsers: sql<boolean>`exists (select 1 from ${users} where ${users.workspace} = ${workspace})`,
    })
    .from(syncRuns)
    .where(
      and(
        eq(syncRuns.workspace, workspace),
        eq(syncRuns.mode, 'full'),
        eq(syncRuns.status, 'succeeded'),
        sql`${syncRuns.watermark} is not null`,
      ),
    );
  return {
    appId: known[0]?.appId ?? null,
    watermark: known[0]?.watermark ?? null,
    lastFullRunAt: clock[0]?.lastFullRunAt ?? null,
    hasUsers: clock[0]?.hasUsers ?? true,
    unfinished: await readUnfinished(tx, workspace),
    now: clock[0]?.now ?? new Date(),
  };
}

async function readUnfinished(tx: Transaction, workspace: string): Promise<UnfinishedRun | null> {
  const run = await readNewestRun(tx, workspace);
  if (!run || run.status === 'succeeded') return null;
  const { mode, watermark, limitReached, errorKind } = run;
  const lastCheckpoint = await readLastCheckpoint(tx, String(run.id));
  return { id: String(run.id), mode, watermark, limitReached, errorKind, lastCheckpoint };
}

/** Of a run that ended before its first page, where the one was that it went on from. */
async function readLastCheckpoint(tx: Transaction, runId: string): Promise<Checkpoint | null> {
  const checkpoints = await tx
    .select()
    .from(syncCheckpoints)
    .where(
      sql`${syncCheckpoints.runId} = (${chainOf(runId)}
        select max(id) from chain
        where exists (select 1 from intercom.sync_checkpoints as c where c.run_id = chain.id))`,
    )
    .orderBy(desc(syncCheckpoints.sequence))
    .limit(1);
  const last = checkpoints[0];
  return last ? { ...last, pass: last.pass as PassName } : null;
}

/** But for lookups: a look at one user does not undo what can be gone on from. */
async function readNewestRun(tx: Transaction, workspace: string) {
  const runs = await tx
    .select()
    .from(syncRuns)
    .where(and(eq(syncRuns.workspace, workspace), ne(syncRuns.mode, 'lookup')))
    .orderBy(desc(syncRuns.id))
    .limit(1);
  return runs[0] ?? null;
}

/**
 * Lets old runs go, and their checkpoints with them. Kept are the run that the watermark is from
 * and the last full run, however old: the next run is planned from them.
 */
export async function pruneRuns(
  tx: Transaction,
  workspace: string,
  retentionDays: number,
): Promise<void> {
  await tx.execute(sql`
    delete from ${syncRuns}
    where workspace = ${workspace} and status <> 'running'
      and finished_at < now() - make_interval(days => ${retentionDays})
      and id not in (
        select watermark_run_id from ${workspaces}
        where workspace = ${workspace} and watermark_run_id is not null
        union all
        (select id from ${syncRuns}
        where workspace = ${workspace} and mode = 'full' and status = 'succeeded'
          and watermark is not null
        order by id desc limit 1)
      )`);
}
