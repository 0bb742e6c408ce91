import type { PlanSettings, RunRequest } from './plan.ts';
import type { EventLog, Progress, Tally } from './report.ts';
import type { SeenIds } from './seen.ts';
import type { UserSource } from './source.ts';
import type { LeasedStore } from './store.ts';

/** What the caller gives to a run. */
export interface RunParts {
  /** Takes the workspace's lease, or throws `SyncError` of kind `busy`. */
  acquireStore(signal: AbortSignal): Promise<LeasedStore>;
  /** `warn` writes to the log of the run, under its id once it has one. */
  openSource(signal: AbortSignal, warn: EventLog['warn']): UserSource;
  readonly log: EventLog;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Aborted with an `Interrupted` when a signal asks the program to stop. */
  readonly stop: AbortSignal;
}

export interface Clock {
  now(): Date;
  /** Milliseconds that only ever grow. */
  elapsedMs(): number;
}

export interface RunSettings extends PlanSettings {
  readonly workspace: string;
  /** The part of the live users that one sweep may mark as deleted, from 0 to 1. */
  readonly massDeleteLimit: number;
  readonly retentionDays: number;
}

/** What a run has in hand, and what it has learnt, while it goes on. */
export interface Run {
  readonly request: RunRequest;
  readonly settings: RunSettings;
  readonly tally: Tally;
  readonly store: LeasedStore;
  readonly source: UserSource;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Aborted when the run is stopped, loses its lease, or is over. */
  readonly signal: AbortSignal;
  readonly seen: SeenIds;
  log: EventLog;
  /** A time after this is no time that a user was updated at. It moves on with the clock. */
  plausibleUntil: () => Date;
  /** `/me` did not tell the app, so the users must. */
  mustLearnApp: boolean;
  hasScrolled: boolean;
  /** The first page of the last `updated` pass. */
  updatedFront: { readonly totalCount: number | null; readonly newest: Date | null } | null;
}
