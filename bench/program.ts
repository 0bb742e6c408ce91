import { readFileSync } from 'node:fs';
import { type ChildRun, runChild } from './child.ts';
import type { BenchDatabase } from './postgres.ts';
import { type Api, type Scene, startApi } from './scene.ts';

/** The program as services run it: built, `sync --json`, in a process of its own. */
export interface ProgramRun extends ChildRun {
  readonly report: ProgramReport;
}

/** What is read here of the object that `sync --json` prints. */
export interface ProgramReport {
  readonly status: string;
  readonly pages: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly duration_ms: number;
}

export interface ProgramOptions {
  readonly mode: 'full' | 'incremental';
  readonly perPage?: number;
}

/** A million users take some minutes, and a loaded machine takes longer. */
const PROGRAM_MAX_MS = 30 * 60_000;

/** What Node is given in every way to start the program that is ours. */
const MANIFEST = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
export const NODE_FLAGS = String(MANIFEST.scripts['intercom-sync'])
  .split(' ')
  .filter((word) => word.startsWith('--'));

export async function runProgram(
  scene: Scene,
  api: Api,
  database: BenchDatabase,
  { mode, perPage = 50 }: ProgramOptions,
): Promise<ProgramRun> {
  const run = await runChild({
    script: '../dist/main.js',
    nodeFlags: NODE_FLAGS,
    args: ['sync', '--json', '--mode', mode, '--per-page', `${perPage}`],
    env: {
      DATABASE_URL: database.url,
      INTERCOM_BASE_URL: api.url,
      INTERCOM_ACCESS_TOKEN: 'bench-token',
    },
    maxMs: PROGRAM_MAX_MS,
    signal: scene.signal,
  });
  const report: ProgramReport = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '');
  return { ...run, report };
}

/** What a process costs that does next to nothing: it is no user's. */
export async function cpuMsOfStart(scene: Scene): Promise<number> {
  const empty = await startApi(scene, { users: 0 });
  const database = await scene.postgres.createDatabase();
  const { cpuMs } = await runProgram(scene, empty, database, { mode: 'full' });
  await database.drop();
  await empty.stop();
  return cpuMs;
}

/** A figure of a run that did something else than was asked of it would be worse than none. */
export function expectCount(
  { report }: ProgramRun,
  what: 'inserted' | 'updated' | 'unchanged',
  users: number,
): void {
  if (report.status === 'succeeded' && report[what] === users) return;
  throw new Error(`the program ${what} ${report[what]} users of ${users} and ${report.status}`);
}

export function usersPerSecond(users: number, ms: number): number {
  return (users / ms) * 1000;
}
