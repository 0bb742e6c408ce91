import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  compareWithSource,
  EQUAL,
  parseLines,
  type RunningProgram,
  rowsOf,
  runProgram,
  TOKEN,
} from '../support/sync.ts';
import { eventually, runsOf, startWorker, workerEnvironment } from '../support/workers.ts';

const USERS = 120;

let database: TestDatabase;
let simulator: Simulator;
let workers: RunningProgram[];
beforeEach(async () => {
  database = await createEmptyDatabase();
  simulator = await startSimulator({ users: USERS, token: TOKEN });
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map(({ finished }) => finished));
  await simulator.close();
  await database.drop();
});

const env = (more: Record<string, string> = {}) =>
  workerEnvironment(database.url, new Map([['acme', simulator]]), more);
function start(more: Record<string, string> = {}): RunningProgram {
  const worker = startWorker(env(more));
  workers.push(worker);
  return worker;
}
const status = async () => {
  const { stdout } = await runProgram(['status', '--json'], env());
  return JSON.parse(stdout);
};
const success = (count: number) =>
  eventually(async () => {
    const runs = await runsOf(database.url);
    expect(runs.filter((run) => run.status === 'succeeded')).toHaveLength(count);
    return runs;
  });

test('a worker makes its schema, reads what was never read, and status tells of the next run', async () => {
  const worker = start();
  await success(1);
  expect(await compareWithSource(database.url, simulator, 'acme')).toEqual(EQUAL);
  const shown = await status();
  expect(shown).toMatchObject({
    workers: 1,
    workspaces: [
      {
        workspace: 'acme',
        next_run: { mode: 'incremental', at: expect.any(String) },
        dead_letters: { count: 0, last_at: null },
      },
    ],
  });
  worker.kill('SIGTERM');
  expect((await worker.finished).code).toBe(143);
  expect(await status()).toMatchObject({ workers: 0, workspaces: [{ next_run: null }] });
});

test('ticks that were missed while no worker lived are one run, however many workers start', async () => {
  const first = start();
  await success(1);
  first.kill('SIGTERM');
  await first.finished;
  const days = "update intercom.sync_runs set started_at = started_at - interval '20 days'";
  await rowsOf(database.url, days);
  const both = [start(), start()];
  for (const worker of both) await worker.says('"overdue_asked_for"');
  await success(2);
  for (const worker of both) {
    worker.kill('SIGTERM');
    expect((await worker.finished).code).toBe(143);
  }
  expect(await runsOf(database.url)).toHaveLength(2);
});

describe('SIGTERM', () => {
  test('in a run: the page in hand is written, the lease handed back, 143; another worker goes on at once', async () => {
    simulator.faults.latencyMs = 100;
    const settings = { INTERCOM_PER_PAGE: '10', SYNC_LEASE_SECONDS: '3600' };
    const worker = start(settings);
    await eventually(async () => {
      const written = 'select 1 from intercom.sync_checkpoints where sequence > 2';
      expect(await rowsOf(database.url, written)).not.toEqual([]);
    });
    worker.kill('SIGTERM');
    const { code, stderr } = await worker.finished;
    expect(code).toBe(143);
    const events = parseLines(stderr).map(({ event }) => event);
    expect(events.filter((event) => event === 'run_interrupted')).toHaveLength(1);
    expect(events).not.toContain('run_failed');
    const [held] = await rowsOf(
      database.url,
      'select count(*)::int as n from intercom.sync_leases where expires_at > clock_timestamp()',
    );
    expect(held).toEqual({ n: 0 });
    const [sums] = await rowsOf(
      database.url,
      'select (select count(*) from intercom.users)::int as users, sum(inserted)::int as counted from intercom.sync_checkpoints',
    );
    expect(sums?.users).toBe(sums?.counted);

    start(settings);
    const runs = await success(1);
    expect(runs[1]).toMatchObject({ status: 'succeeded', resumed_from: runs[0]?.id });
  });

  test('while the database is away: 143 all the same', async () => {
    const worker = start({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    await worker.says('"database_away"');
    worker.kill('SIGTERM');
    const { code, stderr } = await worker.finished;
    expect(code).toBe(143);
    expect(stderr.match(/"database_away"/g)).toHaveLength(1);
  });
});

test('a database that is there and refuses ends the worker: nobody but a person can mend it', async () => {
  await rowsOf(database.url, 'create schema intercom; create table intercom.users ()');
  expect((await start().finished).code).toBe(5);
});
