import { and, asc, eq, getTableColumns, gt, isNull, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { rejectedUsers } from './schema.ts';
import type { Transaction } from './transaction.ts';

/** A user to set aside. The payload is its exact text, unbounded: `replay` needs all of it. */
export interface NewReject {
  readonly userId: string | null;
  /** Path and rule, never the value. */
  readonly reason: string;
  readonly payload: string;
}

export interface OpenReject extends NewReject {
  readonly id: string;
  readonly workspace: string;
  readonly runId: string | null;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
}

/** One open row for each bad user: met again, it says so in place. `runId` null: the running one. */
export async function saveRejects(
  tx: Transaction,
  workspace: string,
  runId: string | null,
  rejects: readonly NewReject[],
): Promise<void> {
  // The same row twice in one statement is an error; the last copy is as good as the first.
  const distinct = new Map(rejects.map((reject) => [reject.userId ?? reject.payload, reject]));
  const column = (key: keyof NewReject) =>
    sql`${sql.param([...distinct.values()].map((reject) => reject[key]))}::text[]`;
  await tx.execute(sql`
    insert into ${rejectedUsers}
      (workspace, user_id, run_id, reason, payload, first_seen_at, last_seen_at)
    select ${workspace}::text, reject.user_id, coalesce(${runId}::bigint, (
        select max(id) from intercom.sync_runs
        where workspace = ${workspace} and status = 'running'
      )), reject.reason, reject.payload, now(), now()
    from unnest(${column('userId')}, ${column('reason')}, ${column('payload')})
      as reject (user_id, reason, payload)
    on conflict (workspace, md5(coalesce(user_id, payload))) where resolved_at is null
    do update set run_id = excluded.run_id, reason = excluded.reason, payload = excluded.payload,
      last_seen_at = excluded.last_seen_at`);
}

/** What was refused once and is stored now is no reject any more. Tells whether any were open before. */
export async function resolveRejects(
  tx: Transaction,
  workspace: string,
  ids: readonly string[],
): Promise<boolean> {
  const open = sql`workspace = ${workspace} and resolved_at is null`;
  const read = await tx.execute<{ are_open: boolean }>(sql`
    with resolved as (
      update ${rejectedUsers} set resolved_at = now()
      where ${open} and user_id = any(${sql.param(ids)}::text[])
    )
    select exists (select 1 from ${rejectedUsers} where ${open}) as are_open`);
  return read.rows[0]?.are_open ?? true;
}

/** What may be shown of the users that are set aside, oldest first; the payload is not in it. */
export async function describeOpenRejects(
  database: Database,
  workspace: string | null,
  count: number,
): Promise<readonly Omit<OpenReject, 'payload'>[]> {
  const { payload: _, ...columns } = getTableColumns(rejectedUsers);
  const rows = await database.transaction(
    (tx) =>
      tx
        .select(columns)
        .from(rejectedUsers)
        .where(
          and(
            isNull(rejectedUsers.resolvedAt),
            workspace === null ? undefined : eq(rejectedUsers.workspace, workspace),
          ),
        )
        .orderBy(asc(rejectedUsers.id))
        .limit(count),
    { isReadOnly: true },
  );
  return rows.map(named);
}

/** With their payloads, oldest first, page by page. */
export async function listOpenRejects(
  database: Database,
  workspace: string,
  afterId: string | null,
  count: number,
): Promise<readonly OpenReject[]> {
  const rows = await database.transaction(
    (tx) =>
      tx
        .select()
        .from(rejectedUsers)
        .where(
          and(
            eq(rejectedUsers.workspace, workspace),
            isNull(rejectedUsers.resolvedAt),
            afterId === null ? undefined : gt(rejectedUsers.id, BigInt(afterId)),
          ),
        )
        .orderBy(asc(rejectedUsers.id))
        .limit(count),
    { isReadOnly: true },
  );
  return rows.map(named);
}

/** A `bigint` is no JSON. */
function named<T extends { id: bigint; runId: bigint | null }>(row: T) {
  return { ...row, id: String(row.id), runId: row.runId?.toString() ?? null };
}
