/** What whoever looks at a worker is told of each of its workspaces, beside what the database says. */
export interface WatchedWorkspace {
  readonly name: string;
  /** A success older than this is too old: the worker is not ready. */
  readonly staleAfterMs: number;
  nextRun(): NextRun | null;
  /** Intercom refused the token, and it is not tried on each tick any more. */
  isRefused(): boolean;
}

export interface NextRun {
  readonly mode: 'full' | 'incremental';
  readonly at: Date;
}
