import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { startHttp } from '../worker/http.ts';
import { createMetrics } from '../worker/metrics.ts';
import { connectionsFor, createWorker, type WorkerOptions } from '../worker/worker.ts';
import { withDatabase } from './database.ts';
import { wholeFrom } from './flags.ts';
import { type Io, newCommand } from './io.ts';
import { createLogProgress } from './progress.ts';

const CONCURRENCY = 4;
/** So many runs have 98 connections to the database. */
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
        (database, url) => serve({ config, database, url, concurrency, log, stop: io.stop }),
        { connectionsMax: connectionsFor(concurrency) },
      );
    });
}

/** The page is there before the database is: it says that it is not, and so does /readyz. */
async function serve(parts: Omit<WorkerOptions, 'observer' | 'progressFor'>): Promise<void> {
  const { config, database, log } = parts;
  const metrics = createMetrics(config.workspaces.map(({ name }) => name));
  const worker = createWorker({ ...parts, observer: metrics, progressFor: createLogProgress });
  const { httpHost: host, httpPort: port } = config.worker;
  const { workspaces } = worker;
  const http = await startHttp({ host, port, database, workspaces, metrics, log });
  try {
    log.info('http_listening', { url: http.url });
    await worker.run();
  } finally {
    await http.close();
  }
}
