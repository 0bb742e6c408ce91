import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { readStatus, type WorkspaceStatus } from '../postgres/status.ts';
import { withDatabase } from './database.ts';
import { type Io, newCommand, writeLine } from './io.ts';
import { formatInstant, formatNumber, renderTable } from './output.ts';

export function statusCommand(io: Io): Command {
  return newCommand('status', 'the last runs, what they did, and the watermark')
    .option('--json', 'print one JSON object', false)
    .action(async ({ json }: { json: boolean }) => {
      const config = parseConfig(io.env, { intercom: false });
      const statuses = await withDatabase(config, io.stop, (database) => readStatus(database));
      if (json) writeLine(io.stdout, JSON.stringify({ workspaces: statuses.map(statusToJson) }));
      else writeLine(io.stdout, statuses.map(render).join('\n\n') || 'Nothing was synced yet.');
    });
}

function render(status: WorkspaceStatus): string {
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
    '',
    renderTable(columns, rows),
  ].join('\n');
}

/** The names of the tables' columns, as everything that scripts read. */
function statusToJson(status: WorkspaceStatus) {
  return {
    workspace: status.workspace,
    app_id: status.appId,
    watermark: status.watermark,
    live_users: status.liveUsers,
    open_rejects: status.openRejects,
    lease: status.holder && { owner: status.holder.owner, expires_at: status.holder.expiresAt },
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
