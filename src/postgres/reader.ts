import { type SQL, sql } from 'drizzle-orm';
import type { UserStore } from '../sync/store.ts';
import { chainOf, countSeen, readSeen } from './checkpoints.ts';
import type { Database, Transaction } from './database.ts';
import { withReconnect } from './retry.ts';
import { readWorkspace } from './runs.ts';
import { syncCheckpoints, users } from './schema.ts';

export type UserReader = Pick<
  UserStore,
  'workspace' | 'countSeen' | 'seenIds' | 'countLiveUsers' | 'unseenUsers'
>;

const SEEN_BATCH = 10_000;

/** What a run asks of the database; the fence is for writers. */
export function openReader(database: Database, workspace: string, signal: AbortSignal): UserReader {
  const read = <T>(work: (tx: Transaction) => Promise<T>) =>
    withReconnect(() => database.transaction(work, { isReadOnly: true, isSnapshot: true }), signal);
  return {
    workspace: () => read((tx) => readWorkspace(tx, workspace)),
    countSeen: (runId) => read((tx) => countSeen(tx, runId)),
    seenIds: (runId) =>
      batches((afterId) => read((tx) => readSeen(tx, runId, afterId, SEEN_BATCH))),
    countLiveUsers: () => read((tx) => countLiveUsers(tx, workspace)),
    unseenUsers: (runId, afterId, count) =>
      read((tx) => readUnseen(tx, workspace, runId, afterId, count)),
  };
}

/** A batch that is not full is the last. */
async function* batches(
  readAfter: (afterId: string | null) => Promise<readonly string[]>,
): AsyncGenerator<readonly string[]> {
  let afterId: string | null = null;
  for (;;) {
    const batch: readonly string[] = await readAfter(afterId);
    if (batch.length > 0) yield batch;
    if (batch.length < SEEN_BATCH) return;
    afterId = batch.at(-1) ?? null;
  }
}

async function countLiveUsers(tx: Transaction, workspace: string): Promise<number> {
  const counted = await tx.execute<{ count: string }>(
    sql`select count(*) from ${users} where ${liveUsers(workspace)}`,
  );
  return Number(counted.rows[0]?.count ?? 0);
}

async function readUnseen(
  tx: Transaction,
  workspace: string,
  runId: string,
  afterId: string | null,
  count: number,
): Promise<string[]> {
  const read = await tx.execute<{ id: string }>(sql`${chainOf(runId)},
    seen (id) as materialized (
      select distinct unnest(seen_ids) from ${syncCheckpoints} join chain on run_id = chain.id
    )
    select id from ${users}
    where ${liveUsers(workspace)} and (${afterId}::text is null or id > ${afterId})
      and not exists (select 1 from seen where seen.id = users.id)
    order by id limit ${count}`);
  return read.rows.map((row) => row.id);
}

function liveUsers(workspace: string): SQL {
  return sql`${users.workspace} = ${workspace} and ${users.deletedAt} is null
    and ${users.source} = 'users'`;
}
