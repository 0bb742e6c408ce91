import { once } from 'node:events';
import type { Config } from '../config.ts';
import { SyncError } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { migrateDatabase } from '../postgres/migrate.ts';
import type { Outlook } from '../postgres/outlook.ts';
import type { EventLog, Progress } from '../sync/report.ts';
import { nextRun, staleAfterMs, whatIsDue } from './due.ts';
import { createNotifier } from './notify.ts';
import type { WorkerObserver } from './observer.ts';
import { openTurnQueue } from './schedule.ts';
import { createTurnTaker } from './turn.ts';
import type { TurnQueue } from './turns.ts';
import { createOutage, type DatabaseWatch, onceThere, watchDatabase } from './watch.ts';
import type { WatchedWorkspace } from './watched.ts';

export interface WorkerOptions {
  readonly config: Config;
  readonly database: Database;
  readonly url: string;
  /** Workspaces that are read at once. */
  readonly concurrency: number;
  readonly log: EventLog;
  progressFor(log: EventLog): Progress;
  readonly observer: WorkerObserver;
  /** Aborted with an `Interrupted` when a signal asks the program to stop. */
  readonly stop: AbortSignal;
}

export interface Worker {
  readonly workspaces: readonly WatchedWorkspace[];
  /** Works until it is stopped, and throws the reason; all that was opened is closed by then. */
  run(): Promise<never>;
}

/** Together below the nine seconds after which the program ends in any case. */
const DRAIN_MAX_MS = 6_000;
const NOTICES_DRAIN_MAX_MS = 1_500;

/** Four for each run, which has three pages under way while its lease is renewed; two for whoever looks. */
export function connectionsFor(concurrency: number): number {
  return 4 * concurrency + 2;
}

export function createWorker(options: WorkerOptions): Worker {
  const { config, log, stop } = options;
  const { schedules } = config.worker;
  const notifier = createNotifier({ url: config.worker.webhookUrl, log });
  const taker = createTurnTaker({ ...options, notifier });

  async function askForOverdue(queue: TurnQueue, outlooks: readonly Outlook[]): Promise<void> {
    const overdue = outlooks.filter((outlook) => {
      const schedule = schedules.find(({ workspace }) => workspace === outlook.workspace);
      return schedule !== undefined && whatIsDue(schedule, outlook) !== null;
    });
    for (const { workspace } of overdue) await queue.ask(workspace);
    log.info('overdue_asked_for', { workspaces: overdue.length });
  }

  async function work(): Promise<void> {
    const outage = createOutage(log);
    let watch: DatabaseWatch | null = null;
    let queue: TurnQueue | null = null;
    try {
      await onceThere(() => migrateDatabase(options.url), outage, stop);
      const opened = await onceThere(
        () =>
          openTurnQueue({
            ...{ url: options.url, schedules, concurrency: options.concurrency },
            takeTurn: taker.takeTurn,
            onFault: (fault) => watch?.suspect(fault),
          }),
        outage,
        stop,
      );
      queue = opened;
      watch = watchDatabase({
        ...{ database: options.database, outage, log },
        workspaces: schedules.map(({ workspace }) => workspace),
        onThere: (outlooks) => askForOverdue(opened, outlooks),
      });
      if (!stop.aborted) await once(stop, 'abort');
    } finally {
      await watch?.close();
      await queue?.close(DRAIN_MAX_MS);
      await notifier.close(NOTICES_DRAIN_MAX_MS);
    }
  }

  return {
    workspaces: schedules.map((schedule) => ({
      name: schedule.workspace,
      staleAfterMs: staleAfterMs(schedule, new Date()),
      nextRun: () => (taker.isRefused(schedule.workspace) ? null : nextRun(schedule, new Date())),
      isRefused: () => taker.isRefused(schedule.workspace),
    })),
    async run() {
      log.info('worker_started', {
        workspaces: schedules.length,
        concurrency: options.concurrency,
      });
      await work().finally(() => log.info('worker_stopped'));
      stop.throwIfAborted();
      throw new SyncError('bug', 'the worker ended without being asked to');
    },
  };
}
