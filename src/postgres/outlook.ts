import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { dateOf } from './texts.ts';

/** What the runs so far say of when a workspace is to be read next. */
export interface Outlook {
  readonly workspace: string;
  /** When the last run began that moved the watermark. */
  readonly succeededAt: Date | null;
  /** The same of full runs. */
  readonly fullSucceededAt: Date | null;
  /** The last run that came to an end of its own ended badly. */
  readonly isFailing: boolean;
  /** The database's clock, which the instants above are of. */
  readonly now: Date;
}

type OutlookRow = {
  workspace: string;
  succeeded_at: string | null;
  full_succeeded_at: string | null;
  is_failing: boolean;
  now: string;
};

/** One for each name, in their order. Each looks back no further than it has to. */
export async function readOutlooks(
  database: Database,
  workspaces: readonly string[],
): Promise<readonly Outlook[]> {
  return database.transaction(
    async (tx) => {
      const read = await tx.execute<OutlookRow>(sql`
        select named.workspace, clock_timestamp() as now,
          (select started_at from intercom.sync_runs as r
            where r.workspace = named.workspace and status = 'succeeded' and watermark is not null
            order by id desc limit 1) as succeeded_at,
          (select started_at from intercom.sync_runs as r
            where r.workspace = named.workspace and status = 'succeeded' and watermark is not null
              and mode = 'full'
            order by id desc limit 1) as full_succeeded_at,
          coalesce((select status = 'failed' from intercom.sync_runs as r
            where r.workspace = named.workspace and status in ('succeeded', 'failed')
              and mode <> 'lookup'
            order by id desc limit 1), false) as is_failing
        from unnest(${sql.param(workspaces)}::text[]) with ordinality as named (workspace, place)
        order by place`);
      return read.rows.map((row) => ({
        workspace: row.workspace,
        succeededAt: dateOf(row.succeeded_at),
        fullSucceededAt: dateOf(row.full_succeeded_at),
        isFailing: row.is_failing,
        now: new Date(row.now),
      }));
    },
    { isReadOnly: true },
  );
}
