import { eq, sql } from 'drizzle-orm';
import type { LeasedStore } from '../sync/store.ts';
import type { Database } from './database.ts';
import { fenced } from './fence.ts';
import { openReader } from './reader.ts';
import { resolveRejects } from './rejects.ts';
import type { Lease } from './renewal.ts';
import {
  bindApp,
  finishRun,
  markLimitReached,
  pruneRuns,
  setRunWatermark,
  startRun,
} from './runs.ts';
import { syncRuns, users } from './schema.ts';
import type { Transaction } from './transaction.ts';
import { openWriter } from './writer.ts';

/** The users of one workspace, for as long as its lease is held. */
export function openStore(database: Database, lease: Lease): LeasedStore {
  const { workspace } = lease;
  const inFence = <T>(work: (tx: Transaction) => Promise<T>) => fenced(database, lease, work);
  return {
    lost: lease.lost,
    release: () => lease.release(),
    startRun: (run) => inFence((tx) => startRun(tx, workspace, run)),
    finishRun: (run) => inFence((tx) => finishRun(tx, workspace, run)),
    setRunWatermark: (runId, at) => inFence((tx) => setRunWatermark(tx, runId, at)),
    markLimitReached: (runId) => inFence((tx) => markLimitReached(tx, runId)),
    bindApp: (appId) => inFence((tx) => bindApp(tx, workspace, appId)),
    markDeleted: (runId, ids) => inFence((tx) => markDeleted(tx, workspace, runId, ids)),
    prune: (days) => inFence((tx) => pruneRuns(tx, workspace, days)),
    ...openWriter(database, lease),
    ...openReader(database, workspace, lease.lost),
  };
}

/**
 * A deletion is a change too: whoever copies rows by `last_changed_at` must see it. It is counted
 * with the marks, so that one whose COMMIT answer was lost, or whose run died, is counted once. What
 * was set aside of a user who is gone is let be: a replay would only bring the row back.
 */
async function markDeleted(
  tx: Transaction,
  workspace: string,
  runId: string,
  ids: readonly string[],
): Promise<number> {
  const marked = await tx.execute(sql`
    update ${users} set deleted_at = now(), last_changed_at = now()
    where workspace = ${workspace} and deleted_at is null and id = any(${sql.param(ids)}::text[])`);
  await resolveRejects(tx, workspace, ids);
  const counted = await tx
    .update(syncRuns)
    .set({ deleted: sql`${syncRuns.deleted} + ${marked.rowCount ?? 0}` })
    .where(eq(syncRuns.id, BigInt(runId)))
    .returning({ deleted: syncRuns.deleted });
  return counted[0]?.deleted ?? 0;
}
