import type { WorkspaceSchedule } from '../config-worker.ts';

/** A line in which each workspace stands once; `schedule.ts` keeps it in the database. */
export interface TurnQueue {
  /** Asks for a turn as soon as may be. Of a workspace that waits or is being read there is one. */
  ask(workspace: string): Promise<void>;
  /** Takes no more turns, waits for those in hand within `drainMaxMs`, and hands back the rest. */
  close(drainMaxMs: number): Promise<void>;
}

export interface Turn {
  readonly workspace: string;
  /** Turns in a row that failed before this one. */
  readonly failures: number;
}

export type TurnEnd =
  /** A success settles what was given up before. */
  | { readonly kind: 'done'; readonly hasSucceeded: boolean }
  /** Another worker, or this one started again, takes the turn at once. */
  | { readonly kind: 'handed back' }
  | { readonly kind: 'again'; readonly afterSeconds: number; readonly failures: number }
  /** Goes to the dead letters; the next tick asks for a new turn. */
  | { readonly kind: 'given up'; readonly message: string };

export interface QueueReport {
  /** Workers that beat. */
  readonly workers: number;
  /** What the workers have written down, whatever the settings of whoever reads it. */
  readonly schedules: readonly WorkspaceSchedule[];
  readonly givenUp: readonly GivenUp[];
}

export interface GivenUp {
  readonly workspace: string;
  readonly at: Date;
}
