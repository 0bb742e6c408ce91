import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { acquireLease } from '../../src/postgres/lease.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { compareWithSource, EQUAL, environmentFor, rowsOf, TOKEN } from '../support/sync.ts';
import { openTurns, STOPPED } from '../support/turns.ts';
import { runsOf } from '../support/workers.ts';

const HOUR_MS = 3_600_000;
const TURN = { workspace: 'default', failures: 0 };
const DONE = { kind: 'done', hasSucceeded: true };
const NOTHING = { kind: 'done', hasSucceeded: false };
const WEEK_HOURS = 200;

let database: TestDatabase;
let simulator: Simulator;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  simulator = await startSimulator({ users: 120, token: TOKEN });
  await rowsOf(
    database.url,
    'truncate intercom.users, intercom.workspaces, intercom.sync_runs, intercom.sync_leases cascade',
  );
  return () => simulator.close();
});

const turns = (more: Record<string, string> = {}) =>
  openTurns(environmentFor(simulator.url, database.url, more));
const modesAndEnds = async () =>
  (await runsOf(database.url)).map(({ mode, status }) => [mode, status]);

describe('a turn', () => {
  test('does what is due, and nothing when it is taken again', async () => {
    const { takeTurn } = turns();
    expect(await takeTurn(TURN)).toEqual(DONE);
    expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
    const asked = simulator.requests.length;
    expect(await takeTurn(TURN)).toEqual(NOTHING);
    expect(simulator.requests).toHaveLength(asked);
  });

  test('makes up once for all the ticks that were missed, and the incremental run is enough', async () => {
    const { takeTurn } = turns();
    await takeTurn(TURN);
    await rowsOf(
      database.url,
      "insert into intercom.sync_runs (workspace, mode, status, started_at, finished_at, watermark) select workspace, 'incremental', 'succeeded', clock_timestamp() - interval '5 hours', clock_timestamp(), watermark from intercom.sync_runs",
    );
    expect(await takeTurn(TURN)).toEqual(DONE);
    expect(await takeTurn(TURN)).toEqual(NOTHING);
    expect(await modesAndEnds()).toEqual([
      ['full', 'succeeded'],
      ['incremental', 'succeeded'],
      ['incremental', 'succeeded'],
    ]);
  });

  test('reads everybody again once the full tick has gone by', async () => {
    const { takeTurn, hoursPass } = turns();
    await takeTurn(TURN);
    await hoursPass(WEEK_HOURS);
    expect(await takeTurn(TURN)).toEqual(DONE);
    expect(await modesAndEnds()).toEqual([
      ['full', 'succeeded'],
      ['full', 'succeeded'],
    ]);
  });

  test('that fails is tried again after waits that grow, and then given up', async () => {
    simulator.faults.rules.push({ answer: { status: 400 } });
    const { takeTurn } = turns();
    const ends = [];
    for (let failures = 0; failures <= 5; failures += 1) {
      ends.push(await takeTurn({ workspace: 'default', failures }));
    }
    expect(ends.map((end) => ('afterSeconds' in end ? end.afterSeconds : end.kind))).toEqual([
      30,
      60,
      120,
      240,
      480,
      'given up',
    ]);
  });

  test('of a workspace that another run holds comes again, and counts as no failure', async () => {
    const other = openDatabase(database.url);
    const signal = new AbortController().signal;
    const lease = await acquireLease(other, {
      ...{ workspace: 'default', owner: 'another', leaseSeconds: 3, wait: false, signal },
    });
    try {
      const { takeTurn, notices } = turns();
      expect(await takeTurn({ ...TURN, failures: 2 })).toMatchObject({
        kind: 'again',
        failures: 2,
      });
      expect(notices).toEqual([]);
    } finally {
      await lease.release();
      await other.close();
    }
  });

  test('that is stopped is handed back, what was read is kept, and the next one goes on from there', async () => {
    const { takeTurn, stop } = turns({ INTERCOM_PER_PAGE: '10' });
    simulator.onRequest(({ query }) => {
      if (query.get('page') === '5') stop.abort(STOPPED);
    });
    expect(await takeTurn(TURN)).toEqual({ kind: 'handed back' });
    expect(await takeTurn(TURN)).toEqual({ kind: 'handed back' });
    const [stopped] = await runsOf(database.url);
    expect(stopped).toMatchObject({ status: 'interrupted' });
    expect(await turns({ INTERCOM_PER_PAGE: '10' }).takeTurn(TURN)).toEqual(DONE);
    const [, next] = await runsOf(database.url);
    expect(next).toMatchObject({ status: 'succeeded', resumed_from: stopped?.id });
    expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
  });

  test('of a workspace without settings is left to a worker that has them', async () => {
    const { takeTurn } = turns();
    expect(await takeTurn({ workspace: 'other', failures: 0 })).toMatchObject({ kind: 'again' });
    expect(await runsOf(database.url)).toEqual([]);
  });
});

describe('a workspace whose token is refused', () => {
  test('is tried once, then left alone by this process for six hours, and once again after that', async () => {
    simulator.faults.tokenRevokedAfter = 0;
    const { takeTurn, isRefused, events } = turns();
    expect(isRefused('default')).toBe(false);
    for (let tick = 0; tick < 5; tick += 1) expect(await takeTurn(TURN)).toEqual(NOTHING);
    expect(isRefused('default')).toBe(true);
    expect(simulator.requests).toHaveLength(1);
    expect(events().filter(({ event }) => event === 'workspace_refused')).toHaveLength(1);
    expect(await modesAndEnds()).toEqual([['full', 'failed']]);

    const realNow = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => realNow() + 6 * HOUR_MS);
    try {
      simulator.faults.tokenRevokedAfter = null;
      expect(await takeTurn(TURN)).toEqual(DONE);
      expect(isRefused('default')).toBe(false);
    } finally {
      clock.mockRestore();
    }
  });

  test('is tried at once by a process that was started since, and the others go on', async () => {
    const broken = await startSimulator({ users: 5, token: 'another', appId: 'other' });
    try {
      const two = () =>
        turns({
          INTERCOM_WORKSPACES: 'good,bad',
          INTERCOM_ACCESS_TOKEN__GOOD: TOKEN,
          INTERCOM_ACCESS_TOKEN__BAD: TOKEN,
          INTERCOM_BASE_URL__BAD: broken.url,
        });
      for (const worker of [two(), two()]) {
        expect(await worker.takeTurn({ workspace: 'bad', failures: 0 })).toEqual(NOTHING);
        expect(worker.isRefused('bad')).toBe(true);
        expect(worker.isRefused('good')).toBe(false);
      }
      expect(await two().takeTurn({ workspace: 'good', failures: 0 })).toEqual(DONE);
      expect(await runsOf(database.url, 'bad')).toHaveLength(2);
    } finally {
      await broken.close();
    }
  });
});

describe('people are told', () => {
  test('of the first failure in a row, and of the recovery', async () => {
    const rule = { answer: { status: 400 } };
    simulator.faults.rules.push(rule);
    const { takeTurn, notices } = turns();
    for (let failures = 0; failures < 3; failures += 1) await takeTurn({ ...TURN, failures });
    simulator.faults.rules.length = 0;
    await takeTurn(TURN);
    const runs = await runsOf(database.url);
    expect(notices).toMatchObject([
      { workspace: 'default', runId: runs[0]?.id, kind: 'failure' },
      { workspace: 'default', runId: runs[3]?.id, kind: 'recovery' },
    ]);
  });

  test('of a failure once, though another worker meets it next', async () => {
    simulator.faults.rules.push({ answer: { status: 400 } });
    const [first, second] = [turns(), turns()];
    await first.takeTurn(TURN);
    await second.takeTurn(TURN);
    expect([...first.notices, ...second.notices]).toHaveLength(1);
  });

  test('of the limit when it is met, and of a mass delete that is refused', async () => {
    Object.assign(simulator.faults, { totalCount: 'off', totalCountOff: 10_000 });
    const { takeTurn, notices, hoursPass } = turns();
    await takeTurn(TURN);
    simulator.faults.totalCount = 'right';
    await takeTurn(TURN);
    for (const user of simulator.workspace.users().slice(0, 50)) {
      simulator.workspace.delete(String(user.id));
    }
    await hoursPass(WEEK_HOURS);
    await takeTurn(TURN);
    expect(notices.map(({ kind }) => kind)).toEqual([
      'limit',
      'failure',
      'recovery',
      'mass_delete_refused',
    ]);
    const runs = await runsOf(database.url);
    expect(notices.map(({ runId }) => runId)).toEqual([0, 0, 1, 2].map((run) => runs[run]?.id));
  });

  test('and no notice holds a name, an address or a token', async () => {
    simulator.faults.rules.push({ answer: 'status401', match: { path: '/users' } });
    const { takeTurn, notices } = turns();
    await takeTurn(TURN);
    const said = JSON.stringify(notices);
    expect(said).toContain('failure');
    expect(said).not.toContain(TOKEN);
    expect(said).not.toMatch(/@/);
  });
});

test('the observer is told of each answer, page, and run', async () => {
  simulator.faults.rules.push({ answer: 'status503', match: { path: '/users', nth: 2 } });
  const { takeTurn, observed } = turns();
  await takeTurn(TURN);
  const statuses = observed.requestAnswered.map(([, status]) => status);
  expect(statuses).toHaveLength(simulator.requests.length);
  expect(statuses.filter((status) => status === 503)).toHaveLength(1);
  expect(observed.requestRetried).toEqual([['default', 'retry']]);
  expect(observed.budgetLeft).toHaveLength(statuses.length);
  expect(observed.budgetLeft.at(-1)).toEqual(['default', expect.any(Number)]);
  expect(observed.runStarted).toEqual([['default']]);
  const [[, report]] = observed.runFinished as [[string, { pages: number; error: unknown }]];
  expect(report.error).toBeNull();
  expect(observed.pageWritten).toHaveLength(report.pages);
});
