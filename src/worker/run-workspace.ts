import type { Config, WorkspaceConfig } from '../config.ts';
import { createIntercomSource, type IntercomSource, type SourceWait } from '../intercom/source.ts';
import type { Database } from '../postgres/database.ts';
import { acquireLease, thisProcess } from '../postgres/lease.ts';
import { openPreviewStore } from '../postgres/preview.ts';
import { openStore } from '../postgres/store.ts';
import type { RunParts } from '../sync/parts.ts';
import type { RunRequest } from '../sync/plan.ts';
import { type EventLog, logReport, type Progress, type RunReport } from '../sync/report.ts';
import { runSync } from '../sync/run.ts';
import type { LeasedStore } from '../sync/store.ts';

export interface WorkspaceRun {
  readonly config: Config;
  readonly workspace: WorkspaceConfig;
  readonly request: RunRequest;
  /** Whose schema is this program's. */
  readonly database: Database;
  /** Wait while another run holds the workspace. */
  readonly wait: boolean;
  readonly log: EventLog;
  readonly progress: Progress;
  /** Aborted with an `Interrupted` when the run is to end. */
  readonly stop: AbortSignal;
  readonly listener?: RunListener;
}

/** Told of what goes on in a run, as it happens. */
export interface RunListener {
  /** `status` is null where no answer came. */
  onAnswer?(status: number | null, callsLeft: number | null): void;
  onWait?(reason: SourceWait['reason']): void;
  onLeaseLost?(): void;
}

/** Puts Intercom, Postgres and the run together. What ends the run early is in the report. */
export async function runWorkspace(run: WorkspaceRun): Promise<RunReport> {
  const { config, workspace, request, log, listener } = run;
  let source: IntercomSource | null = null;
  const parts: RunParts = {
    log,
    progress: run.progress,
    clock: { now: () => new Date(), elapsedMs: () => performance.now() },
    stop: run.stop,
    acquireStore: (signal) => acquireStore(run, signal),
    openSource(signal, warn) {
      const opened = createIntercomSource({
        ...workspace,
        signal,
        onAnswer: (status) => listener?.onAnswer?.(status, opened.callsLeft()),
        onWait({ reason, waitMs, status, message }) {
          warn(`intercom_${reason}`, { wait_ms: waitMs, status, message });
          listener?.onWait?.(reason);
        },
      });
      source = opened;
      return opened;
    },
  };
  try {
    const settings = { ...config, ...workspace, workspace: workspace.name };
    const report = await runSync(request, settings, parts);
    logReport(log, report);
    return report;
  } finally {
    await (source as IntercomSource | null)?.close();
  }
}

async function acquireStore(run: WorkspaceRun, signal: AbortSignal): Promise<LeasedStore> {
  const { config, database, wait } = run;
  const workspace = run.workspace.name;
  if (run.request.isDryRun) return openPreviewStore(database, workspace);
  const lease = await acquireLease(database, {
    workspace,
    owner: thisProcess(),
    leaseSeconds: config.leaseSeconds,
    wait,
    signal,
    onHeld: (holder, leftMs) =>
      run.log.info('workspace_held', { owner: holder, lease_left_ms: Math.round(leftMs) }),
  });
  lease.lost.addEventListener('abort', () => run.listener?.onLeaseLost?.(), { once: true });
  return openStore(database, lease);
}
