import { describeError, Interrupted, SyncError, whereOf } from '../errors.ts';
import type { PageCounts, RunMode } from './store.ts';

/** Codes, numbers and names of settings: never a payload, an address or a token. */
export type Fields = Readonly<Record<string, string | number | boolean | null>>;

export interface EventLog {
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
  with(fields: Fields): EventLog;
}

/** What a person watches while a run goes on. */
export interface Progress {
  passStarted(pass: string): void;
  pageWritten(counts: PageCounts, totalCount: number | null): void;
}

/** What a run has done so far. */
export interface Tally {
  readonly workspace: string;
  runId: string | null;
  /** Null until it is decided. */
  mode: RunMode | null;
  limitReached: boolean;
  pages: number;
  counts: PageCounts;
  deleted: number;
}

export interface RunReport extends Readonly<Tally> {
  readonly durationMs: number;
  /** What ended the run early, null after success. */
  readonly error: unknown;
}

export function newTally(workspace: string): Tally {
  return {
    workspace,
    runId: null,
    mode: null,
    limitReached: false,
    pages: 0,
    counts: NO_COUNTS,
    deleted: 0,
  };
}

export const NO_COUNTS: PageCounts = {
  users: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  duplicates: 0,
  rejected: 0,
};

export function addCounts(a: PageCounts, b: PageCounts): PageCounts {
  return {
    users: a.users + b.users,
    inserted: a.inserted + b.inserted,
    updated: a.updated + b.updated,
    unchanged: a.unchanged + b.unchanged,
    duplicates: a.duplicates + b.duplicates,
    rejected: a.rejected + b.rejected,
  };
}

/** The object that `sync --json` prints; every key is always there. */
export function reportToJson(report: RunReport): Record<string, string | number | boolean | null> {
  const fault = faultOf(report.error);
  return {
    workspace: report.workspace,
    run_id: report.runId,
    mode: report.mode,
    status: statusOf(report.error),
    limit_reached: report.limitReached,
    pages: report.pages,
    users_read: report.counts.users,
    inserted: report.counts.inserted,
    updated: report.counts.updated,
    unchanged: report.counts.unchanged,
    duplicates: report.counts.duplicates,
    rejected: report.counts.rejected,
    deleted: report.deleted,
    duration_ms: report.durationMs,
    error_kind: fault.kind,
    error_message: fault.message,
  };
}

/** One summary a run. */
export function logReport(log: EventLog, report: RunReport): void {
  // The log's own fields name the workspace.
  const { workspace: _, ...fields } = reportToJson(report);
  const status = statusOf(report.error);
  if (status === 'succeeded') log.info('run_succeeded', fields);
  else if (status === 'interrupted') log.warn('run_interrupted', fields);
  else
    log.error('run_failed', {
      ...fields,
      hint: report.error instanceof SyncError ? report.error.hint : null,
      ...whereOf(report.error),
    });
}

export function statusOf(error: unknown): 'succeeded' | 'failed' | 'interrupted' {
  if (error === null) return 'succeeded';
  return error instanceof Interrupted ? 'interrupted' : 'failed';
}

/** A signal is no error: the work is kept, and the status says it. */
export function faultOf(error: unknown): { kind: string | null; message: string | null } {
  if (error === null || error instanceof Interrupted) return { kind: null, message: null };
  return describeError(error);
}
