import type { Config, WorkspaceConfig } from '../config.ts';
import type { WorkspaceSchedule } from '../config-worker.ts';
import { describeError, whereOf } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { type Outlook, readOutlooks } from '../postgres/outlook.ts';
import { PLAIN_REQUEST } from '../sync/plan.ts';
import type { EventLog, Progress, RunReport } from '../sync/report.ts';
import { type ScheduledMode, whatIsDue } from './due.ts';
import { noticeOfEnd, noticingLog } from './notices.ts';
import type { Notifier } from './notify.ts';
import type { WorkerObserver } from './observer.ts';
import { runWorkspace } from './run-workspace.ts';
import { endOfFailure, retryLater } from './turn-end.ts';
import type { Turn, TurnEnd } from './turns.ts';

export interface TurnParts {
  readonly config: Config;
  readonly database: Database;
  readonly log: EventLog;
  progressFor(log: EventLog): Progress;
  readonly observer: WorkerObserver;
  readonly notifier: Notifier;
  /** Aborted with an `Interrupted` when the worker is to end. */
  readonly stop: AbortSignal;
}

export interface TurnTaker {
  /** Never throws: whatever went wrong is in how the turn ended. */
  takeTurn(turn: Turn): Promise<TurnEnd>;
  /** Intercom refused this process's token or settings, and is not asked on each tick any more. */
  isRefused(workspace: string): boolean;
}

/** A refusal can be Intercom's mistake, and nobody restarts a worker for that. */
const REFUSED_AGAIN_AFTER_MS = 6 * 3_600_000;
/** A tick that came during the run is served with it; with a third the others would wait too long. */
const RUNS_IN_TURN_MAX = 2;

/** What a worker does when a workspace's turn has come: whatever is due by now, if anything is. */
export function createTurnTaker(parts: TurnParts): TurnTaker {
  const { config, log, stop } = parts;
  const targets = targetsOf(config);
  const tellEnd = createTeller(parts.notifier);
  const refusedAtMs = new Map<string, number>();

  function isRefused(workspace: string): boolean {
    const atMs = refusedAtMs.get(workspace);
    return atMs !== undefined && performance.now() - atMs < REFUSED_AGAIN_AFTER_MS;
  }

  function endOf({ error, hasSucceeded, isInRun }: Outcome, turn: Turn): TurnEnd {
    const { workspace } = turn;
    if (error === null) {
      refusedAtMs.delete(workspace);
      return { kind: 'done', hasSucceeded };
    }
    const end = endOfFailure(error, isInRun, turn);
    const { kind, message } = describeError(error);
    const fields = { workspace, error_kind: kind, error_message: message };
    if (end.kind === 'given up') log.error('turn_given_up', { ...fields, ...whereOf(error) });
    if (kind === 'busy') log.info('workspace_busy', fields);
    else if (end.kind === 'again')
      log.warn('turn_failed', { ...fields, again_after_seconds: end.afterSeconds });
    if (end.kind !== 'refused') return end;
    refusedAtMs.set(workspace, performance.now());
    log.error('workspace_refused', fields);
    return NOTHING_DONE;
  }

  return {
    isRefused,
    async takeTurn(turn) {
      const { workspace, failures } = turn;
      if (stop.aborted) return { kind: 'handed back' };
      if (isRefused(workspace)) return NOTHING_DONE;
      const target = targets.get(workspace);
      if (!target) {
        // Another worker of this database may know it, while settings are being changed.
        log.warn('workspace_unknown', { workspace });
        return retryLater(failures, 'a worker has no settings for this workspace');
      }
      return endOf(await runWhatIsDue(parts, target, tellEnd), turn);
    },
  };
}

const NOTHING_DONE: TurnEnd = { kind: 'done', hasSucceeded: false };

interface Target {
  readonly workspace: WorkspaceConfig;
  readonly schedule: WorkspaceSchedule;
}

function targetsOf(config: Config): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  for (const workspace of config.workspaces) {
    const schedule = config.worker.schedules.find((each) => each.workspace === workspace.name);
    if (schedule) targets.set(workspace.name, { workspace, schedule });
  }
  return targets;
}

type Teller = (report: RunReport, outlook: Outlook) => void;

/** Remembers what was told, so that its end is told as well, even if no run could be written down. */
function createTeller(notifier: Notifier): Teller {
  const toldFailing = new Set<string>();
  return (report, { isFailing }) => {
    const { workspace, error } = report;
    const notice = noticeOfEnd(report, isFailing || toldFailing.has(workspace));
    if (error === null) toldFailing.delete(workspace);
    else if (notice) toldFailing.add(workspace);
    if (notice) notifier.notify(notice);
  };
}

interface Outcome {
  /** What ended the turn early, null if nothing did. */
  readonly error: unknown;
  readonly isInRun: boolean;
  readonly hasSucceeded: boolean;
}

async function runWhatIsDue(
  parts: TurnParts,
  { workspace, schedule }: Target,
  tellEnd: Teller,
): Promise<Outcome> {
  let hasSucceeded = false;
  try {
    for (let runs = 0; runs < RUNS_IN_TURN_MAX; runs += 1) {
      const [outlook] = await readOutlooks(parts.database, [workspace.name]);
      const mode = outlook ? whatIsDue(schedule, outlook) : null;
      if (!outlook || mode === null) break;
      const report = await runOnce(parts, workspace, mode);
      tellEnd(report, outlook);
      const { error, runId } = report;
      if (error !== null) return { error, isInRun: runId !== null, hasSucceeded };
      hasSucceeded = true;
    }
    return { error: null, isInRun: false, hasSucceeded };
  } catch (error) {
    return { error, isInRun: false, hasSucceeded };
  }
}

async function runOnce(
  { observer, notifier, ...parts }: TurnParts,
  workspace: WorkspaceConfig,
  mode: ScheduledMode,
): Promise<RunReport> {
  const { name } = workspace;
  const named = parts.log.with({ workspace: name });
  const log = noticingLog(named, name, (notice) => notifier.notify(notice));
  const progress = parts.progressFor(log);
  observer.runStarted(name);
  const report = await runWorkspace({
    ...parts,
    workspace,
    request: { ...PLAIN_REQUEST, mode },
    wait: false,
    log,
    progress: {
      passStarted: progress.passStarted,
      pageWritten(counts, totalCount) {
        progress.pageWritten(counts, totalCount);
        observer.pageWritten(name, counts);
      },
    },
    listener: {
      onAnswer(status, callsLeft) {
        observer.requestAnswered(name, status);
        observer.budgetLeft(name, callsLeft);
      },
      onWait: (reason) => observer.requestRetried(name, reason),
      onLeaseLost: () => observer.leaseLost(name),
    },
  });
  observer.runFinished(name, report);
  return report;
}
