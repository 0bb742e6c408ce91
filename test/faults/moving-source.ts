import { createIntercomSource } from '../../src/intercom/source.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { acquireLease } from '../../src/postgres/lease.ts';
import { openStore } from '../../src/postgres/store.ts';
import type { Faults } from '../../src/simulator/faults.ts';
import { type RequestLog, type Simulator, startSimulator } from '../../src/simulator/server.ts';
import type { RunSettings } from '../../src/sync/parts.ts';
import { PLAIN_REQUEST, type RunRequest } from '../../src/sync/plan.ts';
import { type RunReport, reportToJson } from '../../src/sync/report.ts';
import { runSync } from '../../src/sync/run.ts';
import type { LeasedStore } from '../../src/sync/store.ts';
import { type Logged, recordingLog } from '../support/memory-parts.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { compareWithSource, type Difference, rowsOf, TOKEN } from '../support/sync.ts';

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-03-10T12:00:00Z');

export interface MovingSourceOptions {
  readonly users?: number;
  readonly seed?: number;
  readonly faults?: Partial<Faults>;
  /** How far the clock of this side is off Intercom's. */
  readonly localClockOffMs?: number;
  readonly settings?: Partial<RunSettings>;
}

export interface RunOptions {
  readonly perPage?: number;
  readonly stop?: AbortSignal;
  /** Puts something between the run and its store. */
  readonly wrapStore?: (store: LeasedStore) => LeasedStore;
}

export interface FinishedRun {
  readonly report: RunReport;
  readonly json: ReturnType<typeof reportToJson>;
  /** The names of the warnings, in order. */
  readonly warned: readonly string[];
  readonly lines: readonly Logged[];
  /** What was asked of Intercom. */
  readonly requests: readonly RequestLog[];
}

/** An Intercom whose clock stands still until it is told to go on, and runs against it. */
export interface MovingSource {
  readonly simulator: Simulator;
  readonly databaseUrl: string;
  nowSeconds(): number;
  passTime(ms: number): void;
  sync(request?: Partial<RunRequest>, options?: RunOptions): Promise<FinishedRun>;
  /** What of the source is not in the table, is old there, or is there alone. */
  difference(): Promise<Difference>;
  storedIds(): Promise<ReadonlySet<string>>;
  watermark(): Promise<Date | null>;
  close(): Promise<void>;
}

/** A database that each source of a test file begins with empty. */
export interface Ground {
  readonly url: string;
  readonly database: Database;
  /** Empties the tables and opens a source. */
  open(options?: MovingSourceOptions): Promise<MovingSource>;
  drop(): Promise<void>;
}

export async function createGround(): Promise<Ground> {
  const { url, drop } = await createTestDatabase();
  const database = openDatabase(url);
  return {
    url,
    database,
    async open(options = {}) {
      await rowsOf(
        url,
        `truncate intercom.users, intercom.workspaces, intercom.sync_leases,
          intercom.rejected_users, intercom.sync_runs cascade`,
      );
      return openSource({ url, database }, options);
    },
    async drop() {
      await database.close();
      await drop();
    },
  };
}

async function openSource(
  { url, database }: Pick<Ground, 'url' | 'database'>,
  options: MovingSourceOptions,
): Promise<MovingSource> {
  let nowMs = START_MS;
  const simulator = await startSimulator({
    token: TOKEN,
    users: options.users ?? 137,
    seed: options.seed ?? 1,
    faults: options.faults ?? {},
    now: () => new Date(nowMs),
    rateLimitPerWindow: 1_000_000_000,
  });
  const passTime = (ms: number) => {
    nowMs += ms;
  };
  const settings = (perPage: number): RunSettings => ({
    workspace: 'default',
    overlapMinutes: 10,
    fullEveryDays: 7,
    massDeleteLimit: 0.1,
    retentionDays: 90,
    ...options.settings,
    perPage,
  });

  return {
    simulator,
    databaseUrl: url,
    nowSeconds: () => Math.floor((nowMs + simulator.faults.clockOffsetMs) / 1000),
    passTime,
    async sync(request = {}, { perPage = 50, stop, wrapStore = asItIs } = {}) {
      const log = recordingLog();
      const firstRequest = simulator.requests.at(-1)?.number ?? 0;
      let closeSource = async () => {};
      const report = await runSync({ ...PLAIN_REQUEST, ...request }, settings(perPage), {
        log,
        progress: { passStarted() {}, pageWritten() {} },
        clock: {
          now: () => new Date(nowMs + (options.localClockOffMs ?? 0)),
          elapsedMs: () => performance.now(),
        },
        stop: stop ?? new AbortController().signal,
        acquireStore: async (signal) =>
          wrapStore(openStore(database, await acquireLease(database, leaseRequest(signal)))),
        openSource(signal) {
          const source = createIntercomSource({
            baseUrl: new URL(simulator.url),
            accessToken: TOKEN,
            apiVersion: '1.4',
            requestTimeoutMs: 30_000,
            perPage,
            rateShare: 1,
            scrollRestartWaitMs: 1,
            retry: { retriesMax: 5, firstWaitMs: 1, longestWaitMs: 2, elapsedMaxMs: 60_000 },
            signal,
            // A minute of waiting for a scroll is over at once, in the clock that counts.
            onWait: ({ reason }) => reason.startsWith('scroll') && passTime(MINUTE_MS),
          });
          closeSource = () => source.close();
          return source;
        },
      });
      await closeSource();
      const warned = log.lines.filter(({ level }) => level === 'warn').map(({ event }) => event);
      const requests = simulator.requests.filter(({ number }) => number > firstRequest);
      return { report, json: reportToJson(report), warned, lines: log.lines, requests };
    },
    difference: () => compareWithSource(url, simulator),
    async storedIds() {
      const rows = await rowsOf<{ id: string }>(url, 'select id from intercom.users');
      return new Set(rows.map(({ id }) => id));
    },
    async watermark() {
      const found = await rowsOf<{ watermark: Date | null }>(
        url,
        'select watermark from intercom.workspaces',
      );
      return found[0]?.watermark ?? null;
    },
    close: () => simulator.close(),
  };
}

function asItIs(store: LeasedStore): LeasedStore {
  return store;
}

// Longer than any test: where a lease is to be lost, the test takes it away.
const LEASE_SECONDS = 600;

function leaseRequest(signal: AbortSignal) {
  return {
    workspace: 'default',
    owner: 'test:1',
    leaseSeconds: LEASE_SECONDS,
    wait: false,
    signal,
  };
}

/** The ids of the list as it stands: newest first, users of one second by their place in the table. */
export function listedIds(simulator: Simulator): string[] {
  const rows = simulator.workspace.select({ sort: 'created_at', order: 'desc' });
  return Array.from({ length: rows.length }, (_, position) =>
    String(simulator.workspace.userAt(rows.at(position)).id),
  );
}

/** Calls `change` before the Nth page of this sort is answered, N counted from 1. */
export function beforePages(
  simulator: Simulator,
  sort: string,
  change: (page: number) => void,
): () => void {
  let pages = 0;
  return simulator.onRequest(({ path, query }) => {
    if (path !== '/users' || query.get('sort') !== sort) return;
    pages += 1;
    change(pages);
  });
}
