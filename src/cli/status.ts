import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { readStatus, type WorkspaceStatus } from '../postgres/status.ts';
import { nextRun } from '../worker/due.ts';
import { readTurnQueue } from '../worker/schedule.ts';
import type { GivenUp, QueueReport } from '../worker/turns.ts';
import type { NextRun } from '../worker/watched.ts';
import { withDatabase } from './database.ts';
import { type Io, newCommand, writeLine } from './io.ts';
import { formatInstant, formatNumber, renderTable } from './output.ts';

export function statusCommand(io: Io): Command {
  return newCommand('status', 'the last runs, what they did, the watermark and the next run')
    .option('--json', 'print one JSON object', false)
    .action(async ({ json }: { json: boolean }) => {
      const config = parseConfig(io.env, { intercom: false });
      const { statuses, queue } = await withDatabase(config, io.stop, async (database, url) => ({
        statuses: await readStatus(database),
        queue: await readTurnQueue(url),
      }));
      const outlooks = statuses.map((status) => ({ status, ...outlookOf(status, queue) }));
      if (json) {
        const workers = queue?.workers ?? 0;
        writeLine(io.stdout, JSON.stringify({ workers, workspaces: outlooks.map(outlookToJson) }));
      } else writeLine(io.stdout, outlooks.map(render).join('\n\n') || 'Nothing was synced yet.');
    });
}

interface WorkspaceOutlook {
  readonly status: WorkspaceStatus;
  /** Null where no worker lives that would do it. */
  readonly next: NextRun | null;
  /** Turns that were tried as often as they may be, and failed; a success clears them. */
  readonly givenUp: readonly GivenUp[];
}

function outlookOf(
  { workspace }: WorkspaceStatus,
  queue: QueueReport | null,
): Omit<WorkspaceOutlook, 'status'> {
  const schedule = queue?.schedules.find((each) => each.workspace === workspace);
  return {
    next: queue?.workers && schedule ? nextRun(schedule, new Date()) : null,
    givenUp: queue?.givenUp.filter((letter) => letter.workspace === workspace) ?? [],
  };
}

function render({ status, next, givenUp }: WorkspaceOutlook): string {
  const { holder } = status;
  const columns = [
    'run',
    'mode',
    'status',
    'started',
    'pages',
    'users',
    'new',
    'changed',
    'deleted',
    'set aside',
    'what went wrong',
  ];
  const rows = status.runs.map((run) => [
    run.id,
    run.mode,
    run.status,
    run.startedAt,
    run.pages,
    run.users,
    run.inserted,
    run.updated,
    run.deleted,
    run.rejected,
    run.errorMessage ?? (run.limitReached ? 'limit of 10,000 users, read by scroll' : ''),
  ]);
  return [
    `workspace ${status.workspace}: ${formatNumber(status.liveUsers)} users, ${formatNumber(status.openRejects)} set aside`,
    `app ${status.appId ?? '–'}, watermark ${formatInstant(status.watermark)}`,
    ...(holder
      ? [`being written by ${holder.owner}, lease until ${formatInstant(holder.expiresAt)}`]
      : []),
    ...(next ? [`next run ${formatInstant(next.at)}, ${next.mode}`] : []),
    ...(givenUp.length > 0 ? [describeGivenUp(givenUp)] : []),
    '',
    renderTable(columns, rows),
  ].join('\n');
}

function describeGivenUp(givenUp: readonly GivenUp[]): string {
  return `dead letters: ${givenUp.length}, the last given up ${formatInstant(lastOf(givenUp))}; the next tick tries again`;
}

function lastOf(givenUp: readonly GivenUp[]): Date | null {
  return givenUp.length === 0 ? null : new Date(Math.max(...givenUp.map(({ at }) => at.getTime())));
}

/** The names of the tables' columns, as everything that scripts read. */
function outlookToJson({ status, next, givenUp }: WorkspaceOutlook) {
  return {
    workspace: status.workspace,
    app_id: status.appId,
    watermark: status.watermark,
    live_users: status.liveUsers,
    open_rejects: status.openRejects,
    lease: status.holder && { owner: status.holder.owner, expires_at: status.holder.expiresAt },
    next_run: next && { mode: next.mode, at: next.at },
    dead_letters: { count: givenUp.length, last_at: lastOf(givenUp) },
    runs: status.runs.map((run) => ({
      run_id: run.id,
      mode: run.mode,
      status: run.status,
      started_at: run.startedAt,
      finished_at: run.finishedAt,
      watermark: run.watermark,
      limit_reached: run.limitReached,
      pages: run.pages,
      users_read: run.users,
      inserted: run.inserted,
      updated: run.updated,
      unchanged: run.unchanged,
      duplicates: run.duplicates,
      rejected: run.rejected,
      deleted: run.deleted,
      error_kind: run.errorKind,
      error_message: run.errorMessage,
    })),
  };
}
