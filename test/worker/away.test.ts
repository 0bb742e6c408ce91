import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import {
  compareWithSource,
  EQUAL,
  parseLines,
  type RunningProgram,
  rowsOf,
  TOKEN,
} from '../support/sync.ts';
import { eventually, runsOf, startWorker, workerEnvironment } from '../support/workers.ts';

let database: TestDatabase;
let simulator: Simulator;
let proxy: PostgresProxy;
let worker: RunningProgram;
beforeEach(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ users: 120, token: TOKEN });
  proxy = await startPostgresProxy(database.url);
});
afterEach(async () => {
  worker.kill('SIGKILL');
  await worker.finished;
  await proxy.close().catch(() => {});
  await simulator.close();
  await database.drop();
});

const start = (more: Record<string, string> = {}) => {
  worker = startWorker(workerEnvironment(proxy.url, new Map([['acme', simulator]]), more));
};

test('a database that goes away in a run and stays away past the lease is waited for, told of once, and gone on with', async () => {
  simulator.faults.latencyMs = 50;
  start({ INTERCOM_PER_PAGE: '10', HTTP_PORT: '0' });
  await eventually(async () => {
    const written = 'select 1 from intercom.sync_checkpoints where sequence > 2';
    expect(await rowsOf(database.url, written)).not.toEqual([]);
  });
  await proxy.refuse();
  await worker.says('"database_away"');
  expect(await readiness()).toBe(503);
  // Long enough for the lease to be over, so that the run is too.
  await worker.says('"run_failed"');
  await proxy.listen();
  await worker.says('"database_back"');
  await eventually(async () => {
    const runs = await runsOf(database.url);
    expect(runs.at(-1)?.status).toBe('succeeded');
  });
  expect(await compareWithSource(database.url, simulator, 'acme')).toEqual(EQUAL);
  await eventually(async () => expect(await readiness()).toBe(200));

  worker.kill('SIGTERM');
  const { code, stderr } = await worker.finished;
  expect(code).toBe(143);
  const told = parseLines(stderr).filter(({ event }) => event.startsWith('database_'));
  expect(told.map(({ event }) => event)).toEqual(['database_away', 'database_back']);
  expect(stderr).not.toContain('please report it');
});

test('a worker that starts before its database waits for it', async () => {
  await proxy.refuse();
  start();
  await worker.says('"database_away"');
  await proxy.listen();
  await eventually(async () => {
    expect((await runsOf(database.url)).map(({ status }) => status)).toEqual(['succeeded']);
  });
});

test('what came due while the database was away is read as soon as it is back', async () => {
  start();
  await eventually(async () => {
    expect((await runsOf(database.url)).map(({ status }) => status)).toEqual(['succeeded']);
  });
  await proxy.refuse();
  await worker.says('"database_away"');
  await rowsOf(
    database.url,
    "update intercom.sync_runs set started_at = started_at - interval '20 days'",
  );
  await proxy.listen();
  await eventually(async () => {
    const statuses = (await runsOf(database.url)).map(({ status }) => status);
    expect(statuses).toEqual(['succeeded', 'succeeded']);
  });
});

async function readiness(): Promise<number> {
  const listening = parseLines(worker.output()).find(({ event }) => event === 'http_listening');
  return (await fetch(`${listening?.url}/readyz`)).status;
}
