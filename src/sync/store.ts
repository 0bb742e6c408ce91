import type { PassName } from './source.ts';

/** What a run needs of the place that users go to. `src/postgres/` satisfies it. */
export interface LeasedStore extends UserStore {
  /** Aborted, with the `SyncError` that says why, when the lease could not be kept. */
  readonly lost: AbortSignal;
  /** Hands the workspace back. Never throws: a lease that cannot be handed back expires. */
  release(): Promise<void>;
}

/** Every write is refused once the lease it was opened with is gone. */
export interface UserStore {
  /** Creates the run and marks every `running` one of this workspace as `abandoned`: we hold the lease. */
  startRun(run: NewRun): Promise<string>;

  /** One transaction: fence, users, rejects, checkpoint. All of it lands or none. */
  writePage(page: PageWrite): Promise<PageCounts>;

  /** Users read outside of a pass (the sweep's hydration): fence and users, no checkpoint. */
  writeUsers(users: UsersWrite): Promise<void>;

  /** What this run will have moved the watermark to, once the source has told its clock. */
  setRunWatermark(runId: string, watermark: Date): Promise<void>;
  /** Remembers the limit on the run at once, so that `status` shows it while the run goes on. */
  markLimitReached(runId: string): Promise<void>;

  /** The run's counters become the sums of its checkpoints; a watermark moves the workspace's. */
  finishRun(run: FinishedRun): Promise<RunTotals>;

  workspace(): Promise<WorkspaceState>;
  /** Binds the workspace to Intercom's app, once. Returns the app it is bound to. */
  bindApp(appId: string): Promise<string>;

  /** Distinct ids seen by the run and by those it was resumed from. */
  countSeen(runId: string): Promise<number>;
  /** The same ids in batches of a page, in bounded memory; an id may come more than once. */
  seenIds(runId: string): AsyncIterable<readonly string[]>;

  countLiveUsers(): Promise<number>;
  /** Live users of the list that the run did not see, by id, after `afterId`. */
  unseenUsers(runId: string, afterId: string | null, count: number): Promise<readonly string[]>;
  /** Marks users as deleted, and counts them on the run. Returns how many the run has marked so far. */
  markDeleted(runId: string, ids: readonly string[]): Promise<number>;

  /** Lets runs and checkpoints go that are older than this. */
  prune(retentionDays: number): Promise<void>;
}

export type RunMode = 'full' | 'incremental' | 'lookup';
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'interrupted' | 'abandoned';

export interface NewRun {
  readonly mode: RunMode;
  readonly resumedFrom: string | null;
  /** What this run will have moved the watermark to, as far as it is known at the start. */
  readonly watermark: Date | null;
}

export interface UsersWrite {
  /** As in `SourcePage.body`. */
  readonly body: Uint8Array;
  readonly userTexts: () => readonly Uint8Array[];
  /** The users to write, by position in `body.users` from 0; no id twice. */
  readonly chosen: readonly ChosenUser[];
  /** An `updated_at` after this instant is implausible. In Intercom's clock. */
  readonly plausibleUntil: Date;
}

export interface ChosenUser {
  readonly position: number;
  readonly id: string;
  /** Seen before in this run: written if newer, but counted as a duplicate. */
  readonly isRepeat: boolean;
}

export interface PageWrite extends UsersWrite {
  readonly runId: string;
  /** Counts the pages of a run from 1. Writing the same sequence again does no harm. */
  readonly sequence: number;
  /** Whether the page before has landed: only after it may this one land, and not without it. */
  readonly before: Promise<boolean>;
  readonly pass: PassName;
  readonly page: number | null;
  readonly next: string | null;
  readonly totalCount: number | null;
  /** Users on the page. */
  readonly users: number;
  /** Copies within the page that were not chosen. */
  readonly repeatsInPage: number;
  readonly rejects: readonly RejectedUser[];
  /** Distinct ids on the page; a user without one goes by a digest of its text. */
  readonly seenIds: readonly string[];
}

export interface RejectedUser {
  readonly position: number;
  readonly userId: string | null;
  /** Path and rule, never the value. */
  readonly reason: string;
}

export interface PageCounts {
  readonly users: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly duplicates: number;
  readonly rejected: number;
}

export interface FinishedRun {
  readonly runId: string;
  readonly status: 'succeeded' | 'failed' | 'interrupted';
  /** Null: the workspace's watermark stays where it is. */
  readonly watermark: Date | null;
  /** The run can no longer be resumed: its seen ids are let go. */
  readonly isOver: boolean;
  readonly errorKind: string | null;
  readonly errorMessage: string | null;
}

export interface RunTotals extends PageCounts {
  readonly pages: number;
}

export interface WorkspaceState {
  readonly appId: string | null;
  readonly watermark: Date | null;
  /** When the last full run that moved the watermark finished. */
  readonly lastFullRunAt: Date | null;
  /** Whether there are any, deleted ones too. */
  readonly hasUsers: boolean;
  /** The newest run, if it ended without success. */
  readonly unfinished: UnfinishedRun | null;
  /** The database's clock, for ages. */
  readonly now: Date;
}

export interface UnfinishedRun {
  readonly id: string;
  readonly mode: RunMode;
  readonly watermark: Date | null;
  readonly limitReached: boolean;
  readonly errorKind: string | null;
  readonly lastCheckpoint: Checkpoint | null;
}

export interface Checkpoint {
  readonly sequence: number;
  readonly pass: PassName;
  readonly page: number | null;
  readonly next: string | null;
  readonly users: number;
  readonly totalCount: number | null;
  readonly committedAt: Date;
}
