import { onTestFinished } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import type { EventLog } from '../../src/sync/report.ts';
import { type HttpServer, startHttp } from '../../src/worker/http.ts';
import { createMetrics, type Metrics } from '../../src/worker/metrics.ts';
import type { WatchedWorkspace } from '../../src/worker/watched.ts';
import { createTestDatabase } from '../support/postgres.ts';

export const HOUR_MS = 3_600_000;

export interface Served {
  /** The database whose workspaces are shown. */
  readonly databaseUrl: string;
  readonly http: HttpServer;
  readonly metrics: Metrics;
  /** Events that were logged. */
  readonly events: readonly string[];
  get(path: string, init?: RequestInit): Promise<Response>;
}

export interface ServeOptions {
  readonly workspaces?: readonly string[];
  readonly databaseUrl?: string;
  readonly host?: string;
  readonly port?: number;
  readonly closeMaxMs?: number;
  readonly watched?: (name: string) => Partial<WatchedWorkspace>;
}

/** The worker's HTTP side over a database of its own, until the test is over. */
export async function serveWorker(options: ServeOptions = {}): Promise<Served> {
  const databaseUrl = options.databaseUrl ?? (await ownDatabase());
  const database = openDatabase(databaseUrl);
  onTestFinished(() => database.close());
  const names = options.workspaces ?? ['default'];
  const metrics = createMetrics(names);
  const events: string[] = [];
  const http = await startHttp(
    {
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      database,
      metrics,
      workspaces: names.map((name) => watched(name, options.watched?.(name))),
      log: listTo(events),
    },
    options.closeMaxMs,
  );
  onTestFinished(() => http.close());
  const get = (path: string, init?: RequestInit) => fetch(`${http.url}${path}`, init);
  return { databaseUrl, http, metrics, events, get };
}

async function ownDatabase(): Promise<string> {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  return database.url;
}

export function watched(name: string, more: Partial<WatchedWorkspace> = {}): WatchedWorkspace {
  return {
    name,
    staleAfterMs: 3 * HOUR_MS,
    nextRun: () => ({ mode: 'incremental', at: new Date(Date.now() + HOUR_MS) }),
    isRefused: () => false,
    ...more,
  };
}

function listTo(events: string[]): EventLog {
  const note = (event: string) => {
    events.push(event);
  };
  const log: EventLog = { debug: note, info: note, warn: note, error: note, with: () => log };
  return log;
}
