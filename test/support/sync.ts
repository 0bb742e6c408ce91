import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { syncWorkspace } from '../../src/cli/sync.ts';
import { type Environment, parseConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { PLAIN_REQUEST, type RunRequest } from '../../src/sync/plan.ts';
import { type RunReport, reportToJson } from '../../src/sync/report.ts';

export const TOKEN = 'test-token';

/** What every run of these tests is given; waits are short, and nothing else is special. */
export function environmentFor(
  baseUrl: string,
  databaseUrl: string,
  more: Environment = {},
): Environment {
  return {
    DATABASE_URL: databaseUrl,
    INTERCOM_BASE_URL: baseUrl,
    INTERCOM_ACCESS_TOKEN: TOKEN,
    INTERCOM_SCROLL_RESTART_WAIT_MS: '50',
    INTERCOM_REQUEST_TIMEOUT_MS: '5000',
    ...more,
  };
}

export interface LogLine {
  readonly level: number;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface FinishedSync {
  readonly report: RunReport;
  readonly json: ReturnType<typeof reportToJson>;
  readonly events: readonly LogLine[];
  /** Everything that was logged, as text. */
  readonly output: string;
}

/** One run in this process, put together as the command does. */
export async function syncHere(
  env: Environment,
  request: Partial<RunRequest> = {},
  stop: AbortSignal = new AbortController().signal,
): Promise<FinishedSync> {
  const config = parseConfig(env, { intercom: true });
  const [workspace] = config.workspaces;
  if (!workspace) throw new Error('no workspace');
  let output = '';
  const stderr = new Writable({
    write(chunk, _, done) {
      output += chunk;
      done();
    },
  });
  const io = { env, stdout: stderr, stderr, stop, exitCode: 0 };
  const database = openDatabase(config.databaseUrl);
  try {
    const whole = { ...PLAIN_REQUEST, ...request };
    const use = { database, url: config.databaseUrl, wait: false };
    const report = await syncWorkspace(io, config, workspace, whole, use);
    return { report, json: reportToJson(report), events: parseLines(output), output };
  } finally {
    await database.close();
  }
}

export function parseLines(output: string): LogLine[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}

export interface FinishedProgram {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  readonly pid: number;
  readonly finished: Promise<FinishedProgram>;
  kill(signal: NodeJS.Signals): void;
  /** Settles when stderr has this text; fails when the program ends first. */
  says(text: string): Promise<void>;
  /** What stderr has so far. */
  output(): string;
  /** As `| head` does: what it writes from now on finds nobody. */
  stopReading(): void;
}

/** The program itself, in a process of its own, with nothing of this process's environment. */
export function startProgram(args: readonly string[], env: Environment): RunningProgram {
  const main = join(import.meta.dirname, '../../src/main.ts');
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const finished = once(child, 'close').then(([code, signal]) => ({
    code,
    signal,
    stdout,
    stderr,
  }));
  return {
    pid: child.pid ?? 0,
    finished,
    kill: (signal) => child.kill(signal),
    output: () => stderr,
    stopReading() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => stderr.includes(text) && resolve();
        child.stderr.on('data', look);
        finished.then(() => reject(new Error(`it ended without saying ${text}: ${stderr}`)));
        look();
      }),
  };
}

export async function runProgram(
  args: readonly string[],
  env: Environment,
): Promise<FinishedProgram> {
  return startProgram(args, env).finished;
}

/** Rows of a query on a connection of its own. */
export async function rowsOf<T extends pg.QueryResultRow>(
  databaseUrl: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

export interface Difference {
  readonly missing: number;
  readonly stale: number;
  readonly ghosts: number;
}

/** Holds the users of a workspace against the source, user by user, value by value. */
export async function compareWithSource(
  databaseUrl: string,
  simulator: Simulator,
  workspace = 'default',
): Promise<Difference> {
  const rows = await rowsOf<{ id: string; raw: string }>(
    databaseUrl,
    'select id, raw::text from intercom.users where deleted_at is null and workspace = $1',
    [workspace],
  );
  const stored = new Map(rows.map((row) => [row.id, row.raw]));
  let missing = 0;
  let stale = 0;
  const users = simulator.workspace.users();
  for (const user of users) {
    const id = String(user.id);
    const raw = stored.get(id);
    stored.delete(id);
    if (raw === undefined) missing += 1;
    else if (!isSameValue(raw, simulator.workspace.text(id) ?? '')) stale += 1;
  }
  return { missing, stale, ghosts: stored.size };
}

export const EQUAL: Difference = { missing: 0, stale: 0, ghosts: 0 };

/** Whatever the order of keys. */
function isSameValue(a: string, b: string): boolean {
  return isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
}
