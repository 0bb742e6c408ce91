import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { environmentFor, rowsOf, TOKEN } from '../support/sync.ts';
import { openTurns } from '../support/turns.ts';

/** The ticks of a day, one every quarter of an hour, after as many that warm everything up. */
const TICKS = 96;
const HOURS_BETWEEN = 2;
const TURN = { workspace: 'default', failures: 0 };
const MEBIBYTE = 1024 * 1024;
/** Compiled code and caches still grow a little; a leak of 32 kB a tick would show. */
const HEAP_GROWTH_MAX_BYTES = 3 * MEBIBYTE;

let database: TestDatabase;
let simulator: Simulator;
beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ users: 60, token: TOKEN });
});
afterAll(async () => {
  await simulator.close();
  await database.drop();
});

test('a day of ticks leaves memory, connections, listeners and timers as they were', async () => {
  const turns = openTurns(environmentFor(simulator.url, database.url, { LOG_LEVEL: 'silent' }));
  await takeTicks(turns);
  const before = await measure(turns);
  await takeTicks(turns);
  const after = await measure(turns);

  const [counted] = await rowsOf<{ runs: number }>(
    database.url,
    "select count(*)::int as runs from intercom.sync_runs where status = 'succeeded'",
  );
  expect(counted?.runs).toBe(2 * TICKS);
  expect(after.listeners).toBe(before.listeners);
  expect(after.timers).toBeLessThanOrEqual(before.timers);
  expect(after.connections).toBeLessThanOrEqual(before.connections);
  expect(after.heapBytes - before.heapBytes).toBeLessThan(HEAP_GROWTH_MAX_BYTES);
});

type Turns = ReturnType<typeof openTurns>;

async function takeTicks({ takeTurn, hoursPass }: Turns): Promise<void> {
  for (let tick = 0; tick < TICKS; tick += 1) {
    expect(await takeTurn(TURN)).toEqual({ kind: 'done', hasSucceeded: true });
    await hoursPass(HOURS_BETWEEN);
  }
}

async function measure({ stop, forget }: Turns) {
  forget();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What is held by weak references, as signals are, goes with the second.
  for (let pass = 0; pass < 3; pass += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [activity] = await rowsOf<{ connections: number }>(
    database.url,
    "select count(*)::int as connections from pg_stat_activity where datname = current_database() and application_name = 'intercom-sync'",
  );
  return {
    heapBytes: process.memoryUsage().heapUsed,
    connections: activity?.connections ?? 0,
    listeners: getEventListeners(stop.signal, 'abort').length,
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
  };
}
