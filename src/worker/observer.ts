import type { RunReport } from '../sync/report.ts';
import type { PageCounts } from '../sync/store.ts';

/** What a worker tells of its work while it goes on; the metrics listen. */
export interface WorkerObserver {
  /** `status` is null where no answer came. */
  requestAnswered(workspace: string, status: number | null): void;
  requestRetried(
    workspace: string,
    reason: 'retry' | 'rate_limit' | 'scroll_lost' | 'scroll_taken',
  ): void;
  /** Calls left to this program in the rate window, null while Intercom has not told. */
  budgetLeft(workspace: string, calls: number | null): void;
  runStarted(workspace: string): void;
  pageWritten(workspace: string, counts: PageCounts): void;
  runFinished(workspace: string, report: RunReport): void;
  leaseLost(workspace: string): void;
}
