import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { createLog } from '../log.ts';
import type { WorkerObserver } from '../worker/observer.ts';
import { connectionsFor, createWorker } from '../worker/worker.ts';
import { withDatabase } from './database.ts';
import { wholeFrom } from './flags.ts';
import { type Io, newCommand } from './io.ts';
import { createLogProgress } from './progress.ts';

const CONCURRENCY = 4;
/** So many runs have 66 connections to the database. */
const CONCURRENCY_MAX = 32;

export function workerCommand(io: Io): Command {
  return newCommand('worker', 'keep on reading every workspace, on schedule, until a signal')
    .option(
      '--concurrency <n>',
      `workspaces that are read at once, 1 to ${CONCURRENCY_MAX}`,
      wholeFrom(1, CONCURRENCY_MAX),
      CONCURRENCY,
    )
    .action(async ({ concurrency }: { concurrency: number }) => {
      const config = parseConfig(io.env, { intercom: true });
      const log = createLog({
        level: config.logLevel,
        isTerminal: io.stderr.isTTY === true,
        destination: io.stderr,
      });
      await withDatabase(
        config,
        io.stop,
        (database, url) =>
          createWorker({
            ...{ config, database, url, concurrency, log, stop: io.stop },
            progressFor: createLogProgress,
            observer: NOBODY,
          }).run(),
        { connectionsMax: connectionsFor(concurrency) },
      );
    });
}

const NOBODY: WorkerObserver = {
  requestAnswered() {},
  requestRetried() {},
  budgetLeft() {},
  runStarted() {},
  pageWritten() {},
  runFinished() {},
  leaseLost() {},
};
