import { type Command, Option } from 'commander';
import { type Config, parseConfig, type WorkspaceConfig } from '../config.ts';
import { Interrupted, SyncError } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { migrateDatabase, refuseNewerSchema } from '../postgres/migrate.ts';
import type { RunRequest } from '../sync/plan.ts';
import { logReport, newTally, type RunReport, reportToJson } from '../sync/report.ts';
import { ORDERS, type Order, SORTS, type Sort } from '../sync/source.ts';
import { runWorkspace } from '../worker/run-workspace.ts';
import { withDatabase } from './database.ts';
import { nonEmpty, wholeFrom } from './flags.ts';
import { exitCodeOf, type Io, newCommand, writeLine } from './io.ts';
import { summarize } from './output.ts';
import { createLogProgress, createTerminalLine } from './progress.ts';

interface SyncFlags {
  readonly mode: 'auto' | 'full' | 'incremental';
  readonly workspace?: string;
  readonly perPage?: number;
  readonly sort?: Sort;
  readonly order?: Order;
  readonly createdSince?: number;
  readonly email?: string;
  readonly phone?: string;
  readonly wait: boolean;
  readonly allowMassDelete: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export function syncCommand(io: Io): Command {
  return newCommand('sync', 'read the users of a workspace into the database, once')
    .addOption(
      new Option(
        '--mode <mode>',
        'auto: full when no full run succeeded for SYNC_FULL_EVERY_DAYS, else incremental',
      )
        .choices(['auto', 'full', 'incremental'])
        .default('auto'),
    )
    .option('--workspace <name>', 'which of INTERCOM_WORKSPACES')
    .option(
      '--per-page <n>',
      'users a page, 1 to 60 (default: INTERCOM_PER_PAGE)',
      wholeFrom(1, 60),
    )
    .addOption(
      new Option('--sort <field>', 'read all users in this order; moves no watermark').choices([
        ...SORTS,
      ]),
    )
    .addOption(
      new Option('--order <order>', 'asc or desc; moves no watermark').choices([...ORDERS]),
    )
    .option(
      '--created-since <days>',
      'only users created in the last days; moves no watermark',
      wholeFrom(1, 36_500),
    )
    .addOption(
      new Option('--email <address>', 'refresh only the users with this address')
        .argParser(nonEmpty)
        .conflicts('phone'),
    )
    .option('--phone <number>', 'refresh only the users with this phone number', nonEmpty)
    .option('--wait', 'wait while another run holds the workspace, in place of exit code 6', false)
    .option(
      '--allow-mass-delete',
      'mark deleted users even if they are more than SYNC_MASS_DELETE_LIMIT',
      false,
    )
    .option('--dry-run', 'read and report; write nothing, and open no scroll', false)
    .option('--json', 'print the report as one JSON object, the last line of stdout', false)
    .action(async (flags: SyncFlags) => {
      const report = await syncOnce(io, flags);
      if (flags.json) writeLine(io.stdout, JSON.stringify(reportToJson(report)));
      else writeLine(io.stdout, summarize(report));
      io.exitCode = report.error === null ? 0 : exitCodeOf(report.error);
    });
}

/** Where the flags were not understood there is a report too; it repeats none of them. */
export function reportUsage(io: Io): void {
  const error = new SyncError('settings', 'the command line is wrong, as told on stderr');
  const report = { ...newTally('default'), error, durationMs: 0 };
  writeLine(io.stdout, JSON.stringify(reportToJson(report)));
}

/** Never throws: what goes wrong before the run is in the report like what goes wrong in it. */
async function syncOnce(io: Io, flags: SyncFlags): Promise<RunReport> {
  const startedMs = performance.now();
  try {
    const config = parseConfig(io.env, { intercom: true });
    const workspace = chooseWorkspace(config, flags);
    const request = requestOf(flags);
    return await withDatabase(config, io.stop, (database, url) =>
      syncWorkspace(io, config, workspace, request, { database, url, wait: flags.wait }),
    );
  } catch (error) {
    const durationMs = Math.round(performance.now() - startedMs);
    const report = { ...newTally(flags.workspace ?? 'default'), error, durationMs };
    const log = createLog({
      level: 'info',
      isTerminal: io.stderr.isTTY === true,
      destination: io.stderr,
    });
    logReport(log.with({ workspace: report.workspace }), report);
    return report;
  }
}

function chooseWorkspace(config: Config, flags: SyncFlags): WorkspaceConfig {
  const names = config.workspaces.map((workspace) => workspace.name);
  const chosen =
    flags.workspace === undefined && config.workspaces.length === 1
      ? config.workspaces[0]
      : config.workspaces.find((workspace) => workspace.name === flags.workspace);
  if (!chosen) throw new SyncError('settings', `--workspace must be one of: ${names.join(', ')}`);
  return { ...chosen, perPage: flags.perPage ?? chosen.perPage };
}

function requestOf(flags: SyncFlags): RunRequest {
  const { email, phone } = flags;
  return {
    mode: flags.mode,
    sort: flags.sort ?? null,
    order: flags.order ?? null,
    createdSinceDays: flags.createdSince ?? null,
    lookup:
      email !== undefined
        ? { by: 'email', value: email }
        : phone !== undefined
          ? { by: 'phone', value: phone }
          : null,
    allowMassDelete: flags.allowMassDelete,
    isDryRun: flags.dryRun,
  };
}

/** One run in the foreground: on a terminal with a line that moves, else with a log alone. */
export async function syncWorkspace(
  io: Io,
  config: Config,
  workspace: WorkspaceConfig,
  request: RunRequest,
  { database, url, wait }: { database: Database; url: string; wait: boolean },
): Promise<RunReport> {
  let callsLeft: number | null = null;
  const line = io.stderr.isTTY ? createTerminalLine(io.stderr, () => callsLeft) : null;
  const log = createLog({
    level: config.logLevel,
    isTerminal: line !== null,
    destination: line?.logDestination ?? io.stderr,
  }).with({ workspace: workspace.name });
  const tellStop = () =>
    log.info('stop_requested', {
      signal: io.stop.reason instanceof Interrupted ? io.stop.reason.signal : null,
    });
  io.stop.addEventListener('abort', tellStop, { once: true });
  try {
    await (request.isDryRun ? refuseNewerSchema(database) : migrateDatabase(url));
    return await runWorkspace({
      ...{ config, workspace, request, database, wait, log, stop: io.stop },
      progress: line?.progress ?? createLogProgress(log),
      listener: {
        onAnswer(_, left) {
          callsLeft = left;
        },
      },
    });
  } finally {
    io.stop.removeEventListener('abort', tellStop);
    line?.clear();
  }
}
