import { type SQL, sql } from 'drizzle-orm';
import type { UserStore } from '../sync/store.ts';
import { chainOf, countSeen, readSeen, type SeenPage } from './checkpoints.ts';
import type { Database } from './database.ts';
import { withReconnect } from './retry.ts';
import { readWorkspace } from './runs.ts';
import { syncCheckpoints, users } from './schema.ts';
import type { Transaction } from './transaction.ts';

export type UserReader = Pick<
  UserStore,
  'workspace' | 'countSeen' | 'seenIds' | 'countLiveUsers' | 'unseenUsers'
>;

// Some 60 or 100 ids each.
const CHECKPOINTS_AT_ONCE = 100;

/** What a run asks of the database; the fence is for writers. */
export function openReader(database: Database, workspace: string, signal: AbortSignal): UserReader {
  const read = <T>(work: (tx: Transaction) => Promise<T>) =>
    withReconnect(() => database.transaction(work, { isReadOnly: true, isSnapshot: true }), signal);
  return {
    workspace: () => read((tx) => readWorkspace(tx, workspace)),
    countSeen: (runId) => read((tx) => countSeen(tx, runId)),
    seenIds: (runId) =>
      seenPages((after) => read((tx) => readSeen(tx, runId, after, CHECKPOINTS_AT_ONCE))),
    countLiveUsers: () => read((tx) => countLiveUsers(tx, workspace)),
    unseenUsers: (runId, afterId, count) =>
      read((tx) => readUnseen(tx, workspace, runId, afterId, count)),
  };
}

async function* seenPages(
  readAfter: (after: SeenPage | null) => Promise<readonly SeenPage[]>,
): AsyncGenerator<readonly string[]> {
  let after: SeenPage | null = null;
  for (;;) {
    const pages: readonly SeenPage[] = await readAfter(after);
    for (const page of pages) yield page.ids;
    after = pages.at(-1) ?? null;
    if (pages.length < CHECKPOINTS_AT_ONCE) return;
  }
}

async function countLiveUsers(tx: Transaction, workspace: string): Promise<number> {
  const counted = await tx.execute<{ count: string }>(
    sql`select count(*) from ${users} where ${liveUsers(workspace)}`,
  );
  return Number(counted.rows[0]?.count ?? 0);
}

/**
 * By a set operation and not by a join: on a table that has just been filled the planner counts on a
 * few rows, and loops over all that was seen for each of them.
 */
async function readUnseen(
  tx: Transaction,
  workspace: string,
  runId: string,
  afterId: string | null,
  count: number,
): Promise<string[]> {
  const read = await tx.execute<{ id: string }>(sql`${chainOf(runId)}
    select id from (
      select id from ${users}
      where ${liveUsers(workspace)} and (${afterId}::text is null or id > ${afterId})
      except
      select unnest(seen_ids) from ${syncCheckpoints} join chain on run_id = chain.id
    ) as unseen
    order by id limit ${count}`);
  return read.rows.map((row) => row.id);
}

function liveUsers(workspace: string): SQL {
  return sql`${users.workspace} = ${workspace} and ${users.deletedAt} is null
    and ${users.source} = 'users'`;
}
