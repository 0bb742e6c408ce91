import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { statusOf } from '../sync/report.ts';
import type { WorkerObserver } from './observer.ts';

/** What this worker has done since it started, and how its workspaces are, whoever synced them. */
export interface Metrics extends WorkerObserver {
  readonly contentType: string;
  /** Calls left in the rate window of a run of this worker; null without a run, or untold. */
  callsLeft(workspace: string): number | null;
  /** The text that Prometheus reads. */
  expose(readings: readonly WorkspaceReading[], isDatabaseUp: boolean): Promise<string>;
}

/** How a workspace is at this moment; null where there is nothing to say, or nobody to ask. */
export interface WorkspaceReading {
  readonly workspace: string;
  readonly isRefused: boolean;
  readonly staleAfterSeconds: number;
  readonly lastSuccessAgeSeconds: number | null;
  readonly lagSeconds: number | null;
  readonly runAgeSeconds: number | null;
  readonly openRejects: number | null;
  readonly userCount: number | null;
}

const RETRY_REASONS = ['retry', 'rate_limit', 'scroll_lost', 'scroll_taken'] as const;
/** Codes that Intercom is known to answer with; of others the class is told, so labels stay few. */
const KNOWN_CODES = new Set([200, 400, 401, 402, 403, 404, 408, 410, 429, 500, 502, 503, 504]);
// From a quiet incremental run to a day of scrolling.
const DURATION_BUCKETS_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 10_800, 28_800, 86_400];

/** Labels are bounded: workspaces are those of the settings, everything else is a short list. */
export function createMetrics(workspaceNames: readonly string[]): Metrics {
  const registry = new Registry();
  const known = new Set(workspaceNames);
  const named = (workspace: string) => ({ workspace: known.has(workspace) ? workspace : 'other' });
  const counters = createCounters(registry);
  const gauges = createGauges(registry);
  startFromZero(counters, workspaceNames);
  collectDefaultMetrics({ register: registry });
  const calls = new Map<string, number>();

  function setCallsLeft(workspace: string, left: number | null): void {
    if (left === null) {
      calls.delete(workspace);
      gauges.budgetLeft.remove(named(workspace));
      return;
    }
    calls.set(workspace, left);
    gauges.budgetLeft.set(named(workspace), left);
  }

  return {
    contentType: registry.contentType,
    callsLeft: (workspace) => calls.get(workspace) ?? null,
    requestAnswered(workspace, status) {
      counters.requests.inc({ ...named(workspace), status: statusLabel(status) });
      if (status === 429) counters.rateLimited.inc(named(workspace));
    },
    requestRetried: (workspace, reason) => counters.retries.inc({ ...named(workspace), reason }),
    budgetLeft: setCallsLeft,
    runStarted: (workspace) => counters.started.inc(named(workspace)),
    pageWritten(workspace, counts) {
      counters.pages.inc(named(workspace));
      counters.read.inc(named(workspace), counts.users);
      counters.inserted.inc(named(workspace), counts.inserted);
      counters.updated.inc(named(workspace), counts.updated);
      counters.unchanged.inc(named(workspace), counts.unchanged);
      counters.duplicates.inc(named(workspace), counts.duplicates);
      counters.rejected.inc(named(workspace), counts.rejected);
    },
    runFinished(workspace, report) {
      const mode = report.mode ?? 'undecided';
      counters.finished.inc({ ...named(workspace), mode, status: statusOf(report.error) });
      counters.deleted.inc(named(workspace), report.deleted);
      counters.duration.observe({ mode }, report.durationMs / 1000);
      // The window that the number was of is soon over.
      setCallsLeft(workspace, null);
    },
    leaseLost: (workspace) => counters.leasesLost.inc(named(workspace)),
    async expose(readings, isDatabaseUp) {
      gauges.set(readings, isDatabaseUp);
      return registry.metrics();
    },
  };
}

type Counters = ReturnType<typeof createCounters>;

function createCounters(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, more: readonly L[] = []) =>
    new Counter<'workspace' | L>({
      name: `intercom_sync_${name}`,
      help,
      labelNames: ['workspace', ...more],
      registers,
    });
  return {
    read: counter('users_read_total', 'Users read from Intercom.'),
    inserted: counter('users_inserted_total', 'Users that were new.'),
    updated: counter('users_updated_total', 'Users that had changed.'),
    unchanged: counter('users_unchanged_total', 'Users that had not changed.'),
    duplicates: counter('users_duplicates_total', 'Users read more than once in a run.'),
    rejected: counter('users_rejected_total', 'Users set aside.'),
    deleted: counter('users_deleted_total', 'Users marked as deleted.'),
    pages: counter('pages_total', 'Pages written.'),
    requests: counter('requests_total', 'Requests to Intercom, by status; none: no answer came.', [
      'status',
    ]),
    rateLimited: counter('rate_limited_total', 'Requests that Intercom answered with 429.'),
    retries: counter('retries_total', 'Requests sent again and scrolls begun anew, by reason.', [
      'reason',
    ]),
    started: counter('runs_started_total', 'Runs begun.'),
    finished: counter('runs_total', 'Runs that are over, by mode and status.', ['mode', 'status']),
    leasesLost: counter('leases_lost_total', 'Runs that lost their workspace to another worker.'),
    // By mode alone: with hundreds of workspaces, a bucket for each would be too much to keep.
    duration: new Histogram({
      name: 'intercom_sync_run_duration_seconds',
      help: 'How long runs took, by mode.',
      labelNames: ['mode'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    }),
  };
}

/** What goes from nothing to one is seen by no rate: every series that is foreseen begins at zero. */
function startFromZero(counters: Counters, workspaceNames: readonly string[]): void {
  const { requests, retries, finished, duration, ...plain } = counters;
  for (const workspace of workspaceNames) {
    for (const counter of Object.values(plain)) counter.inc({ workspace }, 0);
    for (const status of ['200', '429']) requests.inc({ workspace, status }, 0);
    for (const reason of RETRY_REASONS) retries.inc({ workspace, reason }, 0);
    for (const mode of ['full', 'incremental']) {
      for (const status of ['succeeded', 'failed']) finished.inc({ workspace, mode, status }, 0);
    }
  }
  for (const mode of ['full', 'incremental']) duration.zero({ mode });
}

function createGauges(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string) =>
    new Gauge<'workspace'>({
      name: `intercom_sync_${name}`,
      help,
      labelNames: ['workspace'],
      registers,
    });
  const databaseUp = new Gauge({
    name: 'intercom_sync_database_up',
    help: 'Whether the database answers: 1 or 0.',
    registers,
  });
  const readers: readonly [Gauge<'workspace'>, (reading: WorkspaceReading) => number | null][] = [
    [
      gauge('last_success_age_seconds', 'Since the last run that succeeded, whoever did it.'),
      (reading) => reading.lastSuccessAgeSeconds,
    ],
    [
      gauge('stale_after_seconds', 'From this age on a last success is too old.'),
      (reading) => reading.staleAfterSeconds,
    ],
    [
      gauge('lag_seconds', 'How far the copy may be behind Intercom.'),
      (reading) => reading.lagSeconds,
    ],
    [
      gauge('run_age_seconds', 'Since the run that is on began; absent without one.'),
      (reading) => reading.runAgeSeconds,
    ],
    [gauge('open_rejects', 'Users that are set aside now.'), (reading) => reading.openRejects],
    [
      gauge('users', 'Users of the workspace, by Intercom’s count.'),
      (reading) => reading.userCount,
    ],
    [
      gauge('token_refused', 'Whether Intercom refuses the access token: 1 or 0.'),
      (reading) => Number(reading.isRefused),
    ],
  ];
  return {
    budgetLeft: gauge('budget_left_calls', 'Calls left in the rate window of the run that is on.'),
    /** Old values are let go of first: no number is better than one that is not true any more. */
    set(readings: readonly WorkspaceReading[], isDatabaseUp: boolean): void {
      databaseUp.set(Number(isDatabaseUp));
      for (const [target, read] of readers) {
        target.reset();
        for (const reading of readings) {
          const value = read(reading);
          if (value !== null) target.set({ workspace: reading.workspace }, value);
        }
      }
    },
  };
}

function statusLabel(status: number | null): string {
  if (status === null) return 'none';
  if (KNOWN_CODES.has(status)) return String(status);
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'odd';
}
