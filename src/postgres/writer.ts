import type { LeasedStore, PageCounts, PageWrite, UsersWrite } from '../sync/store.ts';
import { checkpointOf, readWritten } from './checkpoints.ts';
import { countPage } from './counts.ts';
import type { Database } from './database.ts';
import { isNullRefused, isRetryable } from './faults.ts';
import { fenced, leaseLost, reconnecting, type Tries } from './fence.ts';
import { resolveRejects, saveRejects } from './rejects.ts';
import type { Lease } from './renewal.ts';
import type { PipelinedTransaction, Transaction } from './transaction.ts';
import { eitherWay, payloadAt, type UsersOutcome, upsertUsers, type WriteUsers } from './users.ts';

export type UserWriter = Pick<LeasedStore, 'writePage' | 'writeUsers'>;

interface Writing {
  readonly database: Database;
  readonly lease: Lease;
  /** False while none are known to be open: nobody else sets users aside as long as the lease is held. */
  mayRejectsBeOpen: boolean;
}

/** How users get into the database while a lease is held. */
export function openWriter(database: Database, lease: Lease): UserWriter {
  const writing: Writing = { database, lease, mayRejectsBeOpen: true };
  return {
    writePage: (page) => writePage(writing, page),
    writeUsers: (some) => writeUsers(writing, some),
  };
}

/**
 * A page lands whole or not at all: users, rejects and checkpoint are one transaction. Done again after
 * a lost connection, it finds its own checkpoint if the COMMIT had gone through.
 *
 * Only the first try runs ahead of the page before. Once it has failed the page waits until that one has
 * landed, for what the two held may have been in each other's way.
 */
async function writePage(writing: Writing, page: PageWrite): Promise<PageCounts> {
  const { database, lease } = writing;
  const land = (tries: Tries) =>
    eitherWay(lease.workspace, page, upsertUsers, (write) =>
      reconnecting(
        lease,
        (options) => database.pipelined((tx) => landPage(writing, tx, page, write), options),
        tries,
      ),
    );
  const landed = await land({ reconnectMaxMs: 0 }).catch(async (error: unknown) => {
    if (!isRetryable(error) || !(await page.before)) throw error;
    return land({ isAgain: true });
  });
  writing.mayRejectsBeOpen = landed === 'landed before' || landed.mayRejectsBeOpen;
  if (landed !== 'landed before') return landed.counts;
  return fenced(database, lease, (tx) => readWritten(tx, page));
}

/**
 * Two round trips: the users go with the BEGIN, while the page before may still be on its way; the
 * checkpoint goes with the COMMIT, once that one has landed. The lease's row is held by the checkpoint
 * and not from the start, or it would never be free between two pages that overlap, and the renewal of
 * the lease would come to nothing.
 */
async function landPage(
  writing: Writing,
  tx: PipelinedTransaction,
  page: PageWrite,
  write: WriteUsers,
): Promise<{ counts: PageCounts; mayRejectsBeOpen: boolean } | 'landed before'> {
  const outcome = await write(tx);
  if (!(await page.before)) throw new Error('the page before did not land');
  const counts = countPage(page, outcome);
  const mayRejectsBeOpen = await saveOutcome(writing, tx, page, outcome);
  const saved = await commitUnderLease(writing.lease, tx, page, counts);
  return saved ? { counts, mayRejectsBeOpen } : 'landed before';
}

async function commitUnderLease(
  lease: Lease,
  tx: PipelinedTransaction,
  page: PageWrite,
  counts: PageCounts,
): Promise<boolean> {
  try {
    return (await tx.commitWith(checkpointOf(lease, page, counts))).length > 0;
  } catch (error) {
    throw isNullRefused(error, 'run_id') ? leaseLost(lease) : error;
  }
}

async function saveOutcome(
  { lease: { workspace }, mayRejectsBeOpen }: Writing,
  tx: Transaction,
  page: PageWrite,
  outcome: UsersOutcome,
): Promise<boolean> {
  const rejects = [...refusedRejects(outcome), ...pageRejects(page)];
  const wereOpen =
    mayRejectsBeOpen && (await resolveRejects(tx, workspace, storedIds(page, outcome)));
  if (rejects.length === 0) return wereOpen;
  await saveRejects(tx, workspace, page.runId, rejects);
  return true;
}

async function writeUsers(writing: Writing, some: UsersWrite): Promise<void> {
  const { database, lease } = writing;
  await eitherWay(lease.workspace, some, upsertUsers, (write) =>
    fenced(database, lease, async (tx) => {
      const outcome = await write(tx);
      const rejects = refusedRejects(outcome);
      await resolveRejects(tx, lease.workspace, storedIds(some, outcome));
      if (rejects.length > 0) await saveRejects(tx, lease.workspace, null, rejects);
    }),
  );
  writing.mayRejectsBeOpen = true;
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
