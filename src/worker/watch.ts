import { describeError } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { isRetryable } from '../postgres/faults.ts';
import { type Outlook, readOutlooks } from '../postgres/outlook.ts';
import { pause } from '../postgres/retry.ts';
import type { EventLog } from '../sync/report.ts';

const LOOK_EVERY_MS = 30_000;
const LOOK_WHILE_AWAY_EVERY_MS = 5_000;
const FIRST_WAIT_MS = 500;
const FAULT_TOLD_EVERY_MS = 60_000;

/** Tells of a database that is away once, and once that it is back. */
export interface Outage {
  isOn(): boolean;
  begin(fault: unknown): void;
  end(): void;
}

export function createOutage(log: EventLog): Outage {
  let sinceMs: number | null = null;
  return {
    isOn: () => sinceMs !== null,
    begin(fault) {
      if (sinceMs !== null) return;
      sinceMs = performance.now();
      log.error('database_away', { error_message: describeError(fault).message });
    },
    end() {
      if (sinceMs === null) return;
      log.info('database_back', { away_ms: Math.round(performance.now() - sinceMs) });
      sinceMs = null;
    },
  };
}

/** Does the work as soon as the database is there, however long that takes. */
export async function onceThere<T>(
  work: () => Promise<T>,
  outage: Outage,
  stop: AbortSignal,
): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LOOK_WHILE_AWAY_EVERY_MS)) {
    stop.throwIfAborted();
    try {
      const result = await work();
      outage.end();
      return result;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      outage.begin(error);
    }
    await pause(waitMs, stop);
  }
}

export interface DatabaseWatch {
  /** Something behind the scenes went wrong: is the database why? */
  suspect(fault: unknown): void;
  close(): Promise<void>;
}

export interface DatabaseWatchOptions {
  readonly database: Database;
  readonly workspaces: readonly string[];
  readonly outage: Outage;
  readonly log: EventLog;
  /** At the first look, and whenever the database is back: ticks may have gone by. */
  onThere(outlooks: readonly Outlook[]): Promise<void>;
}

/** Looks at the database now and then for as long as the worker lives. */
export function watchDatabase(options: DatabaseWatchOptions): DatabaseWatch {
  const { outage, log } = options;
  const over = new AbortController();
  let wake = new AbortController();
  let faultToldMs = Number.NEGATIVE_INFINITY;
  let isFirst = true;

  async function look(): Promise<void> {
    try {
      const outlooks = await readOutlooks(options.database, options.workspaces);
      if (isFirst || outage.isOn()) await options.onThere(outlooks);
      isFirst = false;
      outage.end();
    } catch (error) {
      if (isRetryable(error)) outage.begin(error);
      else tellFault(error);
    }
  }

  function tellFault(fault: unknown): void {
    if (performance.now() - faultToldMs < FAULT_TOLD_EVERY_MS) return;
    faultToldMs = performance.now();
    const { kind, message } = describeError(fault);
    log.warn('queue_fault', { error_kind: kind, error_message: message });
  }

  async function watch(): Promise<void> {
    while (!over.signal.aborted) {
      await look();
      wake = new AbortController();
      const everyMs = outage.isOn() ? LOOK_WHILE_AWAY_EVERY_MS : LOOK_EVERY_MS;
      await pause(everyMs, AbortSignal.any([over.signal, wake.signal])).catch(() => {});
    }
  }

  const watching = watch();
  return {
    suspect(fault) {
      if (outage.isOn()) return;
      if (isRetryable(fault)) wake.abort();
      else tellFault(fault);
    },
    async close() {
      over.abort();
      await watching;
    },
  };
}
