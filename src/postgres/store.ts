import { eq, sql } from 'drizzle-orm';
import type { LeasedStore, PageCounts, PageWrite, UsersWrite } from '../sync/store.ts';
import { saveCheckpoint } from './checkpoints.ts';
import { countPage } from './counts.ts';
import type { Database, Transaction } from './database.ts';
import { isRetryable } from './faults.ts';
import { fenced, reconnecting, type Tries } from './fence.ts';
import { openReader } from './reader.ts';
import { resolveRejects, saveRejects } from './rejects.ts';
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
import { eitherWay, payloadAt, type UsersOutcome, upsertUsers, type WriteUsers } from './users.ts';

/** The users of one workspace, for as long as its lease is held. */
export function openStore(database: Database, lease: Lease): LeasedStore {
  const { workspace } = lease;
  const inFence = <T>(work: (tx: Transaction) => Promise<T>) => fenced(database, lease, work);
  return {
    lost: lease.lost,
    release: () => lease.release(),
    writePage: (page) => writePage(database, lease, page),
    writeUsers: (some) => writeUsers(database, lease, some),
    startRun: (run) => inFence((tx) => startRun(tx, workspace, run)),
    finishRun: (run) => inFence((tx) => finishRun(tx, workspace, run)),
    setRunWatermark: (runId, at) => inFence((tx) => setRunWatermark(tx, runId, at)),
    markLimitReached: (runId) => inFence((tx) => markLimitReached(tx, runId)),
    bindApp: (appId) => inFence((tx) => bindApp(tx, workspace, appId)),
    markDeleted: (runId, ids) => inFence((tx) => markDeleted(tx, workspace, runId, ids)),
    prune: (days) => inFence((tx) => pruneRuns(tx, workspace, days)),
    ...openReader(database, workspace, lease.lost),
  };
}

/**
 * A page lands whole or not at all: users, rejects and checkpoint are one transaction. Done again after
 * a lost connection, it finds its own checkpoint if the COMMIT had gone through.
 *
 * Only the first try runs ahead of the page before. Once it has failed the page waits until that one has
 * landed, for what the two held may have been in each other's way.
 */
async function writePage(database: Database, lease: Lease, page: PageWrite): Promise<PageCounts> {
  const land = (tries: Tries) =>
    eitherWay(lease.workspace, page, upsertUsers, (write) =>
      reconnecting(database, lease, (tx) => landPage(tx, lease, page, write), tries),
    );
  try {
    return await land({ reconnectMaxMs: 0 });
  } catch (error) {
    if (!isRetryable(error) || !(await page.before)) throw error;
  }
  return land({ isAgain: true });
}

/**
 * The users go first, while the page before may still be on its way. They are committed after that one
 * and with the lease's row held. Held from the start, it would never be free between two pages that
 * overlap, and the renewal of the lease would come to nothing.
 */
async function landPage(
  tx: Transaction,
  lease: Lease,
  page: PageWrite,
  write: WriteUsers,
): Promise<PageCounts> {
  const outcome = await write(tx);
  if (!(await page.before)) throw new Error('the page before did not land');
  const counts = countPage(page, outcome);
  const { written, hasOpenRejects } = await saveCheckpoint(tx, lease, page, counts);
  if (written) return written;
  await saveOutcome(tx, lease.workspace, page, outcome, hasOpenRejects);
  return counts;
}

async function saveOutcome(
  tx: Transaction,
  workspace: string,
  page: PageWrite,
  outcome: UsersOutcome,
  hasOpenRejects: boolean,
): Promise<void> {
  const rejects = [...refusedRejects(outcome), ...pageRejects(page)];
  if (hasOpenRejects) await resolveRejects(tx, workspace, storedIds(page, outcome));
  if (rejects.length > 0) await saveRejects(tx, workspace, page.runId, rejects);
}

async function writeUsers(database: Database, lease: Lease, some: UsersWrite): Promise<void> {
  const { workspace } = lease;
  await eitherWay(workspace, some, upsertUsers, (write) =>
    fenced(database, lease, async (tx) => {
      const outcome = await write(tx);
      const rejects = refusedRejects(outcome);
      await resolveRejects(tx, workspace, storedIds(some, outcome));
      if (rejects.length > 0) await saveRejects(tx, workspace, null, rejects);
    }),
  );
}

function refusedRejects({ refused }: UsersOutcome) {
  return refused.map(({ id, reason, payload }) => ({ userId: id, reason, payload }));
}

function pageRejects(page: PageWrite) {
  if (page.rejects.length === 0) return [];
  const texts = page.userTexts();
  return page.rejects.map(({ position, userId, reason }) => {
    return { userId, reason, payload: payloadAt(texts, position) };
  });
}

function storedIds({ chosen }: UsersWrite, { refused }: UsersOutcome): string[] {
  const refusedIds = new Set(refused.map(({ id }) => id));
  return chosen.map(({ id }) => id).filter((id) => !refusedIds.has(id));
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
