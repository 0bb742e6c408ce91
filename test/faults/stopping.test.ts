import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { StopSignal } from '../../src/errors.ts';
import type { Faults } from '../../src/simulator/faults.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { TURNS_MAX } from '../../src/sync/turns.ts';
import { newDirectory, processesThatName } from '../support/embedded-programs.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { withClient } from '../support/postgres-client.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import {
  HELD_REQUEST_MAX_MS,
  holdRequest,
  isListPage,
  PATIENCE,
  startInTest,
  waitsForLock,
} from '../support/programs.ts';
import {
  compareWithSource,
  EQUAL,
  environmentFor,
  type FinishedProgram,
  type RunningProgram,
  rowsOf,
  syncHere,
  TOKEN,
} from '../support/sync.ts';

const USERS = 300;
/** What is waited for does not come by itself before the test is given up. */
const FOR_EVER_MS = '600000';
/** Past these rows a list is refused, and a scroll reads them all. */
const SCROLLING: Partial<Faults> = { limitRows: 100 };
const SIGNALS: readonly (readonly [StopSignal, number])[] = [
  ['SIGTERM', 143],
  ['SIGINT', 130],
];

let database: TestDatabase;
let proxy: PostgresProxy;
let simulator: Simulator;
beforeEach(async () => {
  database = await createTestDatabase();
  proxy = await startPostgresProxy(database.url);
  simulator = await startSimulator({ users: USERS, token: TOKEN });
  return async () => {
    await simulator.close();
    await proxy.close();
    await database.drop();
  };
});

const start = (more: Environment = {}, ...flags: string[]) => {
  const env = { INTERCOM_REQUEST_TIMEOUT_MS: HELD_REQUEST_MAX_MS, ...more };
  return startInTest(['sync', '--json', ...flags], environmentFor(simulator.url, proxy.url, env));
};
/** Ten seconds are promised, and a busy machine is given four times as many. */
const STOP_MAX_MS = 40_000;
async function stopped(program: RunningProgram): Promise<FinishedProgram> {
  const late = new AbortController();
  const limit = delay(STOP_MAX_MS, null, { signal: late.signal });
  const finished = await Promise.race([program.finished, limit]);
  late.abort();
  if (!finished) throw new Error(`it has not stopped within ${STOP_MAX_MS} ms`);
  return finished;
}
const lastRun = async () =>
  (await rowsOf(database.url, 'select * from intercom.sync_runs order by id desc limit 1'))[0];

/** Nothing of what stopped the last run stands in the way of this one. */
async function expectNextRunToFinish(resumedFrom: string | null): Promise<void> {
  simulator.faults.rules = [];
  simulator.faults.rateReset = 'right';
  // A scroll that was left open has died.
  simulator.faults.clockOffsetMs = 61_000;
  const env = environmentFor(simulator.url, database.url, { SYNC_LEASE_SECONDS: '3' });
  expect((await syncHere(env)).report.error).toBeNull();
  expect(await lastRun()).toMatchObject({ status: 'succeeded', resumed_from: resumedFrom });
  expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
}

/** Where a program is when it is told to stop. */
interface Scene {
  readonly faults?: Partial<Faults>;
  readonly env?: Environment;
  /** Settles when it has got there. */
  reached(program: RunningProgram): Promise<void>;
  readonly pages: number;
  /** A list is gone on with, a scroll begins anew. */
  readonly isResumed: boolean;
}

const onPage2 = { path: '/users', query: { page: '2', sort: 'created_at' } };
const SCENES: Record<string, () => Scene> = {
  'a request of the list that hangs': () => {
    const request = holdRequest(simulator, isListPage(3));
    return { reached: () => request.came, pages: 2, isResumed: true };
  },
  'a request of the scroll that hangs': () => {
    const request = holdRequest(simulator, ({ query }) => query.has('scroll_param'));
    return { faults: SCROLLING, reached: () => request.came, pages: 3, isResumed: false };
  },
  'a wait for the rate limit': () => ({
    faults: { rules: [{ answer: 'status429', match: onPage2 }], rateReset: 'far' },
    reached: (program) => program.says('intercom_rate_limit'),
    pages: 1,
    isResumed: true,
  }),
  'the wait before a broken scroll begins anew': () => ({
    faults: {
      ...SCROLLING,
      rules: [{ answer: 'status500scroll', match: { path: '/users/scroll', nth: 2 } }],
    },
    env: { INTERCOM_SCROLL_RESTART_WAIT_MS: FOR_EVER_MS },
    reached: (program) => program.says('intercom_scroll_lost'),
    pages: 3,
    isResumed: false,
  }),
};

describe.each(Object.entries(SCENES))('in %s', (_, open) => {
  test.each(SIGNALS)(
    '%s: the run is interrupted, exit %i, and the next goes on',
    async (signal, code) => {
      const { faults = {}, env = {}, reached, pages, isResumed } = open();
      Object.assign(simulator.faults, faults);
      const program = start(env);
      await reached(program);
      await written(pages);
      program.kill(signal);
      const finished = await stopped(program);
      expect(finished.code).toBe(code);
      const report = JSON.parse(finished.stdout);
      expect(report).toMatchObject({ status: 'interrupted', pages, error_kind: null });
      const run = await lastRun();
      expect(run).toMatchObject({ status: 'interrupted', pages, finished_at: expect.any(Date) });
      await expectNextRunToFinish(isResumed ? run?.id : null);
    },
  );
});

/** Settles when so many pages are in the database. */
async function written(pages: number): Promise<void> {
  await vi.waitUntil(async () => {
    const sql = 'select count(*)::int as pages from intercom.sync_checkpoints';
    return (await rowsOf<{ pages: number }>(database.url, sql))[0]?.pages === pages;
  }, PATIENCE);
}

describe('in the middle of writing a page', () => {
  test.each([
    ['of the list', {}, 2],
    ['of the scroll', SCROLLING, 4],
  ] as const)(
    '%s: it is finished, those behind it too that were begun, and no other',
    async (_, faults, page) => {
      Object.assign(simulator.faults, faults);
      const commit = holdCheckpoint(page);
      const program = start({ SYNC_LEASE_SECONDS: '4' });
      await commit.came;
      program.kill('SIGTERM');
      await program.says('stop_requested');
      // The next renewal is a second away: time enough for a program that would not wait for its page.
      await renewalIsSent();
      commit.letGo();
      const { code, stdout } = await stopped(program);
      expect(code).toBe(143);
      const { status, pages } = JSON.parse(stdout);
      expect(status).toBe('interrupted');
      expect(pages).toBeGreaterThanOrEqual(page);
      expect(pages).toBeLessThan(page + TURNS_MAX);
      const run = await lastRun();
      expect(run).toMatchObject({ status: 'interrupted', pages });
      await expectNextRunToFinish(page === 2 ? run?.id : null);
    },
  );

  /** The statement that ends the page with this number waits on the wire. */
  function holdCheckpoint(sequence: number) {
    const came = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    let checkpoints = 0;
    const remove = proxy.onStatement(async ({ text }) => {
      if (!text.includes('insert into "intercom"."sync_checkpoints"')) return;
      checkpoints += 1;
      if (checkpoints < sequence) return;
      remove();
      came.resolve();
      await gone.promise;
    });
    return { came: came.promise, letGo: gone.resolve };
  }

  function renewalIsSent(): Promise<void> {
    return new Promise((resolve) => {
      const remove = proxy.onStatement(({ text }) => {
        if (!text.startsWith('update "intercom"."sync_leases" set expires_at')) return;
        remove();
        resolve();
      });
    });
  }
});

describe('in the wait for a lease', () => {
  test.each(SIGNALS)('%s: no run was begun, exit %i, and the next one is', async (signal, code) => {
    const elsewhere = `insert into intercom.sync_leases
      values ('default', 'elsewhere:7', 41, clock_timestamp() + interval '1 hour')`;
    await rowsOf(database.url, elsewhere);
    const program = start({}, '--wait');
    await program.says('workspace_held');
    program.kill(signal);
    const finished = await stopped(program);
    expect(finished.code).toBe(code);
    expect(JSON.parse(finished.stdout)).toMatchObject({ status: 'interrupted', run_id: null });
    expect(await lastRun()).toBeUndefined();
    await rowsOf(database.url, 'delete from intercom.sync_leases');
    await expectNextRunToFinish(null);
  });
});

describe('what hangs for good', () => {
  test('a database that is frozen: exit 143 all the same, and the next run goes on', async () => {
    const request = holdRequest(simulator, isListPage(3));
    const program = start({ SYNC_LEASE_SECONDS: '3' });
    await request.came;
    await written(2);
    proxy.freeze();
    request.letGo();
    program.kill('SIGTERM');
    expect((await stopped(program)).code).toBe(143);
    proxy.thaw();
    expect(await lastRun()).toMatchObject({ status: 'running' });
    await expectNextRunToFinish('1');
  });

  test('a second signal ends the program at once, whatever it is in', async () => {
    const request = holdRequest(simulator, isListPage(3));
    const program = start({ SYNC_LEASE_SECONDS: '3' });
    await request.came;
    await written(2);
    proxy.freeze();
    program.kill('SIGTERM');
    await program.says('stop_requested');
    // Were it the first signal that ends it, the code would be 143.
    program.kill('SIGINT');
    expect((await stopped(program)).code).toBe(130);
  });
});

describe('at the very start', () => {
  test('while another program migrates', async () => {
    await withClient(database.url, async (other) => {
      await other.query('drop schema intercom, drizzle cascade');
      await other.query('begin; select pg_advisory_xact_lock(4771902365112)');
      const program = start();
      await waitsForLock(database.url, 'intercom-sync');
      program.kill('SIGTERM');
      expect((await stopped(program)).code).toBe(143);
    });
    await expectNextRunToFinish(null);
  });

  test('before it has read its arguments', async () => {
    const program = start();
    program.kill('SIGTERM');
    const { code, signal } = await stopped(program);
    expect(signal ?? code).toBeOneOf(['SIGTERM', 143]);
    expect(await lastRun()).toBeUndefined();
  });
});

describe('with a Postgres of its own', () => {
  test('stopped at its start and in the midst of a run, none is left running, and the next run goes on', async () => {
    const directory = await newDirectory();
    const processes = () => processesThatName(directory);
    const env = environmentFor(simulator.url, 'embedded', {
      INTERCOM_SYNC_DIR: directory,
      INTERCOM_REQUEST_TIMEOUT_MS: HELD_REQUEST_MAX_MS,
    });
    const startOwn = () => startInTest(['sync', '--json'], env);

    const first = startOwn();
    await vi.waitUntil(async () => (await processes()).length > 0, PATIENCE);
    first.kill('SIGTERM');
    expect((await stopped(first)).code).toBe(143);
    expect(await processes()).toEqual([]);

    const request = holdRequest(simulator, isListPage(3));
    const second = startOwn();
    await request.came;
    second.kill('SIGINT');
    expect((await stopped(second)).code).toBe(130);
    expect(await processes()).toEqual([]);

    const third = await startOwn().finished;
    expect(third.code).toBe(0);
    expect(JSON.parse(third.stdout)).toMatchObject({ status: 'succeeded', pages: 5 });
    expect(await processes()).toEqual([]);
  });
});
