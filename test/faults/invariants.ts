import { expect } from 'vitest';
import type { Changes, World } from './world.ts';

/** What holds of a database at every instant, whatever broke and wherever a run is. */
export async function expectNothingHalf({ rows }: World): Promise<void> {
  expect(await rows(BROKEN_PROMISES)).toEqual([]);
}

// Of each promise the rows that break it.
const BROKEN_PROMISES = `
  select 'a checkpoint does not add up' as promise, run_id, sequence::text as detail
  from intercom.sync_checkpoints
  where users <> inserted + updated + unchanged + duplicates + rejected
  union all
  select 'a page is missing before a later one', run_id, count(*)::text
  from intercom.sync_checkpoints group by run_id having max(sequence) <> count(*)
  union all
  select 'a checkpoint is ahead of its rows', run_id, sequence::text
  from intercom.sync_checkpoints as page
  where exists (
    select from unnest(page.seen_ids) as seen
    where not exists (select from intercom.users where id = seen)
      and not exists (select from intercom.rejected_users where user_id = seen)
  )
  union all
  select 'users were inserted without a checkpoint, or the other way round', null,
    (select count(*) from intercom.users) || ' against ' || coalesce(sum(inserted), 0)
  from intercom.sync_checkpoints
  having coalesce(sum(inserted), 0) <> (select count(*) from intercom.users)
  union all
  select 'the counters of a run are not the sums of its checkpoints', run.id, run.status
  from intercom.sync_runs as run
  cross join lateral (
    select count(*) as pages, coalesce(sum(users), 0) as users,
      coalesce(sum(inserted), 0) as inserted, coalesce(sum(updated), 0) as updated,
      coalesce(sum(unchanged), 0) as unchanged, coalesce(sum(duplicates), 0) as duplicates,
      coalesce(sum(rejected), 0) as rejected
    from intercom.sync_checkpoints where run_id = run.id
  ) as sums
  where run.status <> 'running'
    and (run.pages, run.users_read, run.inserted, run.updated, run.unchanged, run.duplicates,
        run.rejected)
      <> (sums.pages, sums.users, sums.inserted, sums.updated, sums.unchanged, sums.duplicates,
        sums.rejected)
  union all
  select 'two runs are running', null, count(*)::text
  from intercom.sync_runs where status = 'running' having count(*) > 1`;

/** However many runs it took, each of so many users was written, and none of them twice. */
export async function expectWrittenOnce({ rows }: World, users: number): Promise<void> {
  expect(
    await rows('select count(*)::int as writes, count(distinct id)::int as users from writes'),
  ).toEqual([{ writes: users, users }]);
}

/** What the runs after this one say that they did, one with another. */
export async function countedAfter({ rows }: World, runId: string): Promise<Changes> {
  const [counted] = await rows<Changes>(
    `select coalesce(sum(inserted), 0)::int as inserted, coalesce(sum(updated), 0)::int as updated,
       coalesce(sum(deleted), 0)::int as deleted
     from intercom.sync_runs where id > $1`,
    [runId],
  );
  return counted ?? { inserted: 0, updated: 0, deleted: 0 };
}

export async function newestRun({ rows }: World): Promise<{ id: string; status: string }> {
  const [newest] = await rows<{ id: string; status: string }>(
    'select id, status from intercom.sync_runs order by id desc limit 1',
  );
  return newest ?? { id: '0', status: 'none' };
}

/** A run that says it is done has done it: it is written down, and the watermark is its own. */
export async function expectDone(world: World): Promise<void> {
  const { id, status } = await newestRun(world);
  expect(status).toBe('succeeded');
  expect(await world.rows('select watermark_run_id from intercom.workspaces')).toEqual([
    { watermark_run_id: id },
  ]);
}
