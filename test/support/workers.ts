import { hostname } from 'node:os';
import { vi } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { type RunningProgram, rowsOf, startProgram, TOKEN } from './sync.ts';
import { quietSchedules } from './turns.ts';

/** Above what any of these tests waits for; what never comes ends the test with its last error. */
const WAIT_MAX_MS = 110_000;

/** Looks until nothing is thrown any more. */
export async function eventually<T>(look: () => Promise<T> | T): Promise<T> {
  return await vi.waitFor(look, { timeout: WAIT_MAX_MS, interval: 50 });
}

/** A worker of these workspaces, each with the simulator that is its Intercom. */
export function workerEnvironment(
  databaseUrl: string,
  simulators: ReadonlyMap<string, Simulator>,
  more: Environment = {},
): Environment {
  const env: Record<string, string | undefined> = {
    DATABASE_URL: databaseUrl,
    INTERCOM_WORKSPACES: [...simulators.keys()].join(),
    INTERCOM_SCROLL_RESTART_WAIT_MS: '50',
    INTERCOM_REQUEST_TIMEOUT_MS: '5000',
    SYNC_LEASE_SECONDS: '3',
    HTTP_PORT: '0',
    ...quietSchedules(),
    ...more,
  };
  for (const [name, simulator] of simulators) {
    env[`INTERCOM_ACCESS_TOKEN__${name.toUpperCase()}`] = TOKEN;
    env[`INTERCOM_BASE_URL__${name.toUpperCase()}`] = simulator.url;
  }
  return env;
}

export function startWorker(env: Environment, args: readonly string[] = []): RunningProgram {
  return startProgram(['worker', ...args], env);
}

/** As it names itself in the lease. */
export function ownerOf(worker: RunningProgram): string {
  return `${hostname()}:${worker.pid}`;
}

export type RunRow = {
  readonly id: string;
  readonly workspace: string;
  readonly mode: string;
  readonly status: string;
  readonly resumed_from: string | null;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly error_kind: string | null;
};

/** In the order in which they began. */
export async function runsOf(databaseUrl: string, workspace: string | null = null) {
  return rowsOf<RunRow>(
    databaseUrl,
    `select id, workspace, mode, status, resumed_from, started_at, finished_at, error_kind
     from intercom.sync_runs where $1::text is null or workspace = $1 order by id`,
    [workspace],
  );
}
