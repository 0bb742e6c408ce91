import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';
import { compareWithSource, EQUAL, TOKEN } from '../support/sync.ts';
import { eventually, runsOf, startWorker, workerEnvironment } from '../support/workers.ts';

let database: TestDatabase;
let simulator: Simulator;
beforeAll(async () => {
  database = await createEmptyDatabase();
  simulator = await startSimulator({ users: 30, token: TOKEN });
});
afterAll(async () => {
  await simulator.close();
  await database.drop();
});

const success = (count: number) =>
  eventually(async () => {
    const runs = await runsOf(database.url);
    expect(runs.filter(({ status }) => status === 'succeeded')).toHaveLength(count);
    return runs;
  });

test('a tick that comes while a worker lives is a run, and finds what has changed', async () => {
  const settings = { SYNC_SCHEDULE: '* * * * *' };
  const worker = startWorker(
    workerEnvironment(database.url, new Map([['acme', simulator]]), settings),
  );
  try {
    await success(1);
    const [user] = simulator.workspace.users();
    simulator.workspace.update(String(user?.id), { name: 'renamed' });
    const runs = await success(2);
    expect(runs.map(({ mode }) => mode)).toEqual(['full', 'incremental']);
    expect(await compareWithSource(database.url, simulator, 'acme')).toEqual(EQUAL);
  } finally {
    worker.kill('SIGTERM');
    await worker.finished;
  }
});
