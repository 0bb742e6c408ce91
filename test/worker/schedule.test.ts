import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WorkspaceSchedule } from '../../src/config-worker.ts';
import { openTurnQueue, readTurnQueue } from '../../src/worker/schedule.ts';
import type { Turn, TurnEnd, TurnQueue } from '../../src/worker/turns.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';
import { rowsOf } from '../support/sync.ts';
import { eventually } from '../support/workers.ts';

const DRAIN_MAX_MS = 5_000;
const DONE: TurnEnd = { kind: 'done', hasSucceeded: true };

let database: TestDatabase;
let opened: TurnQueue[];
beforeEach(async () => {
  database = await createEmptyDatabase();
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((queue) => queue.close(DRAIN_MAX_MS)));
  await database.drop();
});

function scheduleOf(workspace: string): WorkspaceSchedule {
  // In leap years alone: no tick comes by itself.
  const never = { expression: '0 0 29 2 *', timeZone: 'Europe/Berlin' };
  return { workspace, incremental: never, full: never };
}

async function open(
  takeTurn: (turn: Turn) => Promise<TurnEnd>,
  { concurrency = 1, workspaces = ['acme'], faults = [] as unknown[] } = {},
): Promise<TurnQueue> {
  const queue = await openTurnQueue({
    ...{ url: database.url, schedules: workspaces.map(scheduleOf), concurrency, takeTurn },
    onFault: (fault) => faults.push(fault),
  });
  opened.push(queue);
  return queue;
}

/** Holds each turn until it is told how it ends. */
function createTable() {
  const taken: { turn: Turn; end: (how: TurnEnd) => void }[] = [];
  return {
    taken,
    takeTurn: (turn: Turn) => new Promise<TurnEnd>((end) => taken.push({ turn, end })),
    turn: (at: number) =>
      eventually(() => {
        const turn = taken[at];
        if (!turn) throw new Error(`turn ${at} was not taken`);
        return turn;
      }),
  };
}

test('of a workspace there is one turn, however often and by whom it is asked for', async () => {
  const { takeTurn, taken, turn } = createTable();
  const queues = await Promise.all([
    open(takeTurn, { workspaces: ['acme', 'beta'] }),
    open(takeTurn, { workspaces: ['acme', 'beta'] }),
  ]);
  for (const queue of queues) await queue.ask('acme');
  await turn(0);
  for (const queue of queues) await queue.ask('acme');
  // The other worker would have taken a second one before this.
  await queues[0].ask('beta');
  await turn(1);
  expect(taken.map(({ turn: { workspace } }) => workspace)).toEqual(['acme', 'beta']);
  for (const { end } of taken) end(DONE);
});

test('a worker takes as many turns at once as it may, and no more', async () => {
  const { takeTurn, taken, turn } = createTable();
  const workspaces = ['a', 'b', 'c'];
  const queue = await open(takeTurn, { concurrency: 2, workspaces });
  for (const workspace of workspaces) await queue.ask(workspace);
  await turn(1);
  expect(taken).toHaveLength(2);
  taken[0]?.end(DONE);
  await turn(2);
  for (const { end } of taken) end(DONE);
});

test('a turn that failed comes again after its wait, and knows how often it failed', async () => {
  const { takeTurn, turn } = createTable();
  await (await open(takeTurn)).ask('acme');
  (await turn(0)).end({ kind: 'again', afterSeconds: 1, failures: 3 });
  const again = await turn(1);
  expect(again.turn).toEqual({ workspace: 'acme', failures: 3 });
  again.end(DONE);
});

test('a turn that waits to be tried again is taken at once when it is asked for', async () => {
  const { takeTurn, taken, turn } = createTable();
  const queue = await open(takeTurn);
  await queue.ask('acme');
  (await turn(0)).end({ kind: 'again', afterSeconds: 3_600, failures: 3 });
  const again = await askUntilTaken(queue, taken, 1);
  expect(again.turn).toEqual({ workspace: 'acme', failures: 0 });
  again.end(DONE);
});

test('a turn that was handed back is taken by another worker at once', async () => {
  const { takeTurn, turn } = createTable();
  await (await open(takeTurn)).ask('acme');
  (await turn(0)).end({ kind: 'handed back' });
  (await turn(1)).end(DONE);
});

test('a turn that was given up shows as a dead letter until one succeeds', async () => {
  const { takeTurn, taken, turn } = createTable();
  const queue = await open(takeTurn);
  await queue.ask('acme');
  (await turn(0)).end({ kind: 'given up', message: 'no' });
  await eventually(async () =>
    expect(await readTurnQueue(database.url)).toMatchObject({
      workers: 1,
      givenUp: [{ workspace: 'acme', at: expect.any(Date) }],
    }),
  );
  (await askUntilTaken(queue, taken, 1)).end({ kind: 'done', hasSucceeded: false });
  const last = await askUntilTaken(queue, taken, 2);
  expect((await readTurnQueue(database.url))?.givenUp).toHaveLength(1);
  last.end(DONE);
  await eventually(async () => expect((await readTurnQueue(database.url))?.givenUp).toEqual([]));
});

/** Asking while the turn before is being settled is asking in vain. */
function askUntilTaken<T>(queue: TurnQueue, taken: readonly T[], at: number): Promise<T> {
  return eventually(async () => {
    await queue.ask('acme');
    const turn = taken[at];
    if (!turn) throw new Error(`turn ${at} was not taken`);
    return turn;
  });
}

test('closing waits for the turn in hand, and takes no other', async () => {
  const { takeTurn, taken, turn } = createTable();
  const queue = await open(takeTurn, { workspaces: ['a', 'b'] });
  await queue.ask('a');
  await queue.ask('b');
  const inHand = await turn(0);
  const closed = queue.close(DRAIN_MAX_MS);
  inHand.end(DONE);
  await closed;
  expect(taken).toHaveLength(1);
  expect((await readTurnQueue(database.url))?.workers).toBe(0);
});

test('schedules are written down, with their zone, and those of workspaces that are gone are not kept', async () => {
  await (await open(async () => DONE, { workspaces: ['old', 'acme'] })).close(DRAIN_MAX_MS);
  await open(async () => DONE, { workspaces: ['acme', 'new'] });
  const { schedules } = (await readTurnQueue(database.url)) ?? { schedules: [] };
  expect([...schedules].sort((a, b) => (a.workspace < b.workspace ? -1 : 1))).toEqual([
    scheduleOf('acme'),
    scheduleOf('new'),
  ]);
});

test('where no worker ever ran, looking finds nothing and makes nothing', async () => {
  expect(await readTurnQueue(database.url)).toBeNull();
  const made =
    "select nspname from pg_namespace where nspname !~ '^pg_|^information_schema$|^public$'";
  expect(await rowsOf(database.url, made)).toEqual([]);
});

test('a database that is not there is told of in our words', async () => {
  const options = { schedules: [], concurrency: 1, takeTurn: async () => DONE, onFault: () => {} };
  const nowhere = openTurnQueue({ ...options, url: 'postgres://nobody@127.0.0.1:1/none' });
  await expect(nowhere).rejects.toMatchObject({ kind: 'database', sqlstate: null });
});
