import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { rowsOf } from '../support/sync.ts';
import type { Changes } from './model-world.ts';
import type { MovingSource } from './moving-source.ts';

/** The newest `updated_at` that can be true which the table has held, by id, in seconds. */
export type LastTimes = Map<string, number>;

const CLOCK_SLACK_SECONDS = 600;

/** What holds at every moment, whatever has just died. */
export async function checkEveryMoment(source: MovingSource, lastTimes: LastTimes): Promise<void> {
  const { databaseUrl } = source;
  const ahead = await rowsOf(
    databaseUrl,
    `select run_id, sequence, seen from intercom.sync_checkpoints, unnest(seen_ids) as seen
     where not exists (select 1 from intercom.users where id = seen)`,
  );
  expect(ahead, 'a checkpoint is ahead of the rows').toEqual([]);

  const untrue = await rowsOf(
    databaseUrl,
    `select id from intercom.sync_checkpoints join intercom.sync_runs on id = run_id
     group by id, status
     having sum(users) <> sum(sync_checkpoints.inserted + sync_checkpoints.updated
         + sync_checkpoints.unchanged + sync_checkpoints.duplicates + sync_checkpoints.rejected)
       or (status <> 'running' and (users_read, pages) <> (sum(users), count(*)))`,
  );
  expect(untrue, 'counters do not add up').toEqual([]);

  const unearned = await rowsOf(
    databaseUrl,
    `select workspaces.watermark from intercom.workspaces left join intercom.sync_runs on id = watermark_run_id
     where workspaces.watermark is not null
       and (status is distinct from 'succeeded' or extract(epoch from workspaces.watermark) > $1)`,
    [source.nowSeconds()],
  );
  expect(unearned, 'the watermark is from no success, or ahead of the clock').toEqual([]);
  await checkTimes(source, lastTimes);
}

/** No older row over a newer one, and none without a true time over one that has it. */
async function checkTimes(source: MovingSource, lastTimes: LastTimes): Promise<void> {
  const rows = await rowsOf<{ id: string; at: number | null }>(
    source.databaseUrl,
    'select id, extract(epoch from updated_at)::float8 as at from intercom.users',
  );
  const truest = source.nowSeconds() + CLOCK_SLACK_SECONDS;
  for (const { id, at } of rows) {
    const before = lastTimes.get(id) ?? Number.NEGATIVE_INFINITY;
    const isTrue = at !== null && at <= truest;
    const now = isTrue ? at : Number.NEGATIVE_INFINITY;
    expect(now, `user ${id} became older`).toBeGreaterThanOrEqual(before);
    if (isTrue) lastTimes.set(id, at);
  }
}

export interface Success {
  readonly startedAt: number;
  readonly chainStartedAt: number;
  /** When the last full run started, or the first of those that it went on with. */
  readonly lastFullStartedAt: number;
  readonly isSwept: boolean;
}

/** What a run that succeeded has found: all that was done to the source before it started. */
export async function checkSuccess(
  { databaseUrl, simulator }: MovingSource,
  { changed, silent, deleted, spoiled }: Changes,
  { startedAt, chainStartedAt, lastFullStartedAt, isSwept }: Success,
): Promise<void> {
  const rows = await rowsOf<{ id: string; raw: unknown }>(
    databaseUrl,
    'select id, raw from intercom.users where deleted_at is null',
  );
  const stored = new Map(rows.map(({ id, raw }) => [id, raw]));
  const at = (when: Map<string, number>, id: string) => when.get(id) ?? 0;

  const { workspace } = simulator;
  const settled = workspace.users().map(({ id }) => String(id));
  const lost = settled.filter((id) => at(changed, id) < startedAt && !stored.has(id));
  expect(lost, 'users that were there before the run are missing').toEqual([]);

  const stale = settled.filter((id) => {
    const isExpected = at(changed, id) < startedAt && at(silent, id) < lastFullStartedAt;
    if (!isExpected || spoiled.has(id)) return false;
    return !isDeepStrictEqual(stored.get(id), JSON.parse(workspace.text(id) ?? 'null'));
  });
  expect(stale, 'users that changed before the run are old').toEqual([]);

  const ghosts = [...stored.keys()].filter(
    (id) => isSwept && !workspace.get(id) && at(deleted, id) < chainStartedAt,
  );
  expect(ghosts, 'users that were deleted before the full run are live').toEqual([]);
}
