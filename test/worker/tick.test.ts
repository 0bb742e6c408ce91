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

/** With its place among all runs. */
async function succeeded() {
  const runs = (await runsOf(database.url)).map((run, place) => ({ ...run, place }));
  return runs.filter(({ status }) => status === 'succeeded');
}

test('a tick that comes while a worker lives is a run, and finds what has changed', async () => {
  const settings = { SYNC_SCHEDULE: '* * * * *' };
  const worker = startWorker(
    workerEnvironment(database.url, new Map([['acme', simulator]]), settings),
  );
  try {
    await eventually(async () => expect(await succeeded()).not.toEqual([]));
    const [user] = simulator.workspace.users();
    simulator.workspace.update(String(user?.id), { name: 'renamed' });
    const before = (await runsOf(database.url)).length;
    await eventually(async () => {
      const ticked = (await succeeded()).filter(({ place }) => place >= before);
      expect(ticked[0]?.mode).toBe('incremental');
    });
    expect(await compareWithSource(database.url, simulator, 'acme')).toEqual(EQUAL);
  } finally {
    worker.kill('SIGTERM');
    await worker.finished;
  }
});
