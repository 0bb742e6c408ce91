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
  const { outage } = options;
  const tellFault = createFaultTeller(options.log);
  const over = new AbortController();
  let wake = new AbortController();
  let suspected: unknown = null;
  let isFirst = true;

  async function look(): Promise<void> {
    const fault = suspected;
    suspected = null;
    try {
      const outlooks = await readOutlooks(options.database, options.workspaces);
      if (isFirst || outage.isOn()) await options.onThere(outlooks);
      else if (fault !== null) tellFault(fault);
      isFirst = false;
      outage.end();
    } catch (error) {
      if (isRetryable(error)) outage.begin(error);
      else tellFault(error);
    }
  }

  async function watch(): Promise<void> {
    while (!over.signal.aborted) {
      await look();
      wake = new AbortController();
      // Faults come in swarms; one look sees what they are all about.
      await quietly(pause(FIRST_WAIT_MS, over.signal));
      if (suspected !== null) continue;
      const everyMs = outage.isOn() ? LOOK_WHILE_AWAY_EVERY_MS : LOOK_EVERY_MS;
      await quietly(pause(everyMs, AbortSignal.any([over.signal, wake.signal])));
    }
  }

  const watching = watch();
  return {
    suspect(fault) {
      if (outage.isOn()) return;
      suspected = fault;
      wake.abort();
    },
    async close() {
      over.abort();
      await watching;
    },
  };
}

/** A pause that is cut short is over. */
async function quietly(paused: Promise<void>): Promise<void> {
  await paused.catch(() => {});
}

/** The same fault can come every other second. */
function createFaultTeller(log: EventLog): (fault: unknown) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (fault) => {
    if (performance.now() - toldMs < FAULT_TOLD_EVERY_MS) return;
    toldMs = performance.now();
    const { kind, message } = describeError(fault);
    log.warn('queue_fault', { error_kind: kind, error_message: message });
  };
}
