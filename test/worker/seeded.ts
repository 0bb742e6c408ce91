import type pg from 'pg';
import type { RunMode, RunStatus } from '../../src/sync/store.ts';
import { withClient } from '../support/postgres-client.ts';

/** A run as it stands in the tables, with everything that is not said being as plain as can be. */
export interface SeededRun {
  readonly workspace?: string;
  readonly mode?: RunMode;
  readonly status?: RunStatus;
  readonly startedAgoMs?: number;
  readonly tookMs?: number;
  readonly inserted?: number;
  readonly updated?: number;
  readonly unchanged?: number;
  readonly rejected?: number;
  readonly deleted?: number;
  /** Intercom's count of all users. */
  readonly totalCount?: number | null;
  readonly pass?: string;
  readonly pages?: number;
  readonly limitReached?: boolean;
  readonly resumedFrom?: string | null;
  readonly errorKind?: string | null;
  readonly errorMessage?: string | null;
}

const MINUTE_MS = 60_000;

/** Writes runs with their checkpoints, oldest first; returns their ids. */
export async function seedRuns(url: string, runs: readonly SeededRun[]): Promise<string[]> {
  return withClient(url, async (client) => {
    const ids: string[] = [];
    for (const run of runs) ids.push(await seedRun(client, run));
    return ids;
  });
}

async function seedRun(client: pg.Client, run: SeededRun): Promise<string> {
  const status = run.status ?? 'succeeded';
  const startedAgoMs = run.startedAgoMs ?? 10 * MINUTE_MS;
  const startedAt = new Date(Date.now() - startedAgoMs);
  const finishedAt = new Date(
    startedAt.getTime() + Math.min(run.tookMs ?? MINUTE_MS, startedAgoMs),
  );
  const counts = [run.inserted ?? 0, run.updated ?? 0, run.unchanged ?? 0, run.rejected ?? 0];
  const users = counts.reduce((sum, one) => sum + one, 0);
  const { rows } = await client.query<{ id: string }>(
    `insert into intercom.sync_runs (workspace, mode, status, resumed_from, started_at, finished_at,
       watermark, limit_reached, pages, users_read, inserted, updated, unchanged, rejected, deleted,
       error_kind, error_message)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
     returning id`,
    [
      run.workspace ?? 'default',
      run.mode ?? 'incremental',
      status,
      run.resumedFrom ?? null,
      startedAt,
      status === 'running' ? null : finishedAt,
      startedAt,
      run.limitReached ?? false,
      status === 'running' ? 0 : (run.pages ?? 1),
      status === 'running' ? 0 : users,
      ...(status === 'running' ? [0, 0, 0, 0] : counts),
      run.deleted ?? 0,
      run.errorKind ?? null,
      run.errorMessage ?? null,
    ],
  );
  const id = String(rows[0]?.id);
  await seedCheckpoints(client, id, run, counts);
  if (status === 'succeeded')
    await moveWatermark(client, run.workspace ?? 'default', id, startedAt);
  return id;
}

/** All users on the first page; the pages after it are empty. */
async function seedCheckpoints(
  client: pg.Client,
  id: string,
  run: SeededRun,
  counts: readonly number[],
): Promise<void> {
  const [inserted = 0, updated = 0, unchanged = 0, rejected = 0] = counts;
  for (let page = 1; page <= (run.pages ?? 1); page += 1) {
    const isFirst = page === 1;
    await client.query(
      `insert into intercom.sync_checkpoints (run_id, sequence, pass, page, users, total_count,
         inserted, updated, unchanged, rejected, seen_ids, committed_at)
       values ($1, $2, $3, $2, $4, $5, $6, $7, $8, $9, '{}', now())`,
      [
        id,
        page,
        run.pass ?? (run.mode === 'full' ? 'list' : 'updated'),
        ...(isFirst ? [inserted + updated + unchanged + rejected] : [0]),
        run.totalCount === undefined ? 1_000 : run.totalCount,
        ...(isFirst ? [inserted, updated, unchanged, rejected] : [0, 0, 0, 0]),
      ],
    );
  }
}

async function moveWatermark(
  client: pg.Client,
  workspace: string,
  runId: string,
  watermark: Date,
): Promise<void> {
  await client.query(
    `insert into intercom.workspaces (workspace, app_id, watermark, watermark_run_id)
     values ($1, 'app', $2, $3)
     on conflict (workspace) do update set watermark = $2, watermark_run_id = $3`,
    [workspace, watermark, runId],
  );
}

/** As long as any test: somebody writes this workspace. */
export async function seedLease(url: string, workspace = 'default'): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      `insert into intercom.sync_leases (workspace, owner, fence, expires_at)
       values ($1, 'test:1', 1, now() + interval '1 hour')`,
      [workspace],
    ),
  );
}

export async function seedReject(
  url: string,
  reason: string,
  payload: string,
  workspace = 'default',
): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      `insert into intercom.rejected_users (workspace, user_id, run_id, reason, payload, first_seen_at, last_seen_at)
       values ($1, null, 1, $2, $3, now(), now())`,
      [workspace, reason, payload],
    ),
  );
}
