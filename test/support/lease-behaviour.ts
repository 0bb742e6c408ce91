import { hostname } from 'node:os';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { migrationState } from '../../src/postgres/migrate.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { TURNS_MAX } from '../../src/sync/turns.ts';
import { withClient } from './postgres-client.ts';
import {
  HELD_REQUEST_MAX_MS,
  holdRequest,
  isListPage,
  named,
  PATIENCE,
  sessionsOf,
  startInTest,
  waitsForLock,
} from './programs.ts';
import { compareWithSource, EQUAL, environmentFor, rowsOf, TOKEN } from './sync.ts';

/** One database by two addresses: the one that programs use, and the server's own to look at it. */
export interface SharedDatabase {
  readonly url: string;
  readonly serverUrl: string;
}

export interface DatabaseMaker {
  /** Each is dropped when the test is over. */
  migrated(): Promise<SharedDatabase>;
  empty(): Promise<SharedDatabase>;
}

const USERS = 60;
const PER_PAGE = 10;
/** For a holder that is killed or stopped: the shortest that can be set. */
const SHORT_LEASE = 3;
/** For a holder that must keep it although the machine is busy with other things. */
const SAFE_LEASE = 8;

/** How programs share a workspace, whatever stands between them and their Postgres. */
export function describeLeases(make: DatabaseMaker): void {
  let simulator: Simulator;
  let database: SharedDatabase;
  beforeEach(async () => {
    simulator = await startSimulator({ users: USERS, token: TOKEN });
    return () => simulator.close();
  });

  const start = (name: string, leaseSeconds: number, ...flags: string[]) =>
    startInTest(
      ['sync', '--json', ...flags],
      environmentFor(simulator.url, named(database.url, name), {
        INTERCOM_PER_PAGE: `${PER_PAGE}`,
        SYNC_LEASE_SECONDS: `${leaseSeconds}`,
        INTERCOM_REQUEST_TIMEOUT_MS: HELD_REQUEST_MAX_MS,
      }),
    );
  const lease = async () => {
    const [row] = await rowsOf<{ owner: string; fence: string; expires_at: Date }>(
      database.serverUrl,
      'select owner, fence, expires_at from intercom.sync_leases',
    );
    if (!row) throw new Error('nobody has ever held the workspace');
    return row;
  };
  const runs = () =>
    rowsOf(
      database.serverUrl,
      `select id, status, mode, resumed_from, started_at, finished_at, pages, error_kind
       from intercom.sync_runs order by id`,
    );
  /** Settles when this program, which waits, has looked at the lease as it is now. */
  const looksAgain = async (name: string) => {
    const looks = async () =>
      Math.max(...(await sessionsOf(database.serverUrl, name)).map((s) => s.changedAt.getTime()));
    const before = await looks();
    await vi.waitUntil(async () => (await looks()) > before, PATIENCE);
  };
  /** All that a program writes: a row that is written again has another `xmin`. */
  const everything = () =>
    rowsOf(
      database.serverUrl,
      `select 'user' as kind, xmin::text, raw::text as content from intercom.users
       union all select 'checkpoint', xmin::text, c::text from intercom.sync_checkpoints as c
       union all select 'run', xmin::text, r::text from intercom.sync_runs as r
       union all select 'workspace', xmin::text, w::text from intercom.workspaces as w
       order by 1, 3`,
    );
  /** A change that only its content tells from what it was: nothing but the fence keeps it. */
  const changeInSilence = () => {
    for (const { id } of simulator.workspace.users()) {
      simulator.workspace.update(String(id), { name: 'Changed' }, { touch: false });
    }
  };

  describe('two runs of one workspace at once', () => {
    beforeEach(async () => {
      database = await make.migrated();
    });

    test('the second exits 6, and says who holds the workspace and until when', async () => {
      const page = holdRequest(simulator, isListPage(3));
      const first = start('first', SAFE_LEASE);
      await page.came;
      const startedAtMs = Date.now();
      const { code, stdout } = await start('second', SAFE_LEASE).finished;
      expect(code).toBe(6);
      const report = JSON.parse(stdout);
      expect(report).toMatchObject({ status: 'failed', error_kind: 'busy', run_id: null });
      const { owner } = await lease();
      expect(owner).toBe(`${hostname()}:${first.pid}`);
      const [, until = ''] =
        new RegExp(`${owner}, until (\\S+Z)$`).exec(report.error_message) ?? [];
      expect(Date.parse(until)).toBeGreaterThan(startedAtMs);
      page.letGo();
      expect((await first.finished).code).toBe(0);
      expect(await compareWithSource(database.serverUrl, simulator)).toEqual(EQUAL);
      expect(await runs()).toMatchObject([{ status: 'succeeded' }]);
    });

    test('with --wait the second waits through renewals, and then does a run of its own', async () => {
      const page = holdRequest(simulator, isListPage(3));
      const first = start('first', SAFE_LEASE);
      await page.came;
      const second = start('second', SAFE_LEASE, '--wait');
      await second.says('workspace_held');
      const { expires_at: before } = await lease();
      await vi.waitUntil(async () => (await lease()).expires_at > before, PATIENCE);
      await looksAgain('second');
      page.letGo();
      expect((await first.finished).code).toBe(0);
      expect((await second.finished).code).toBe(0);
      const [one, two, ...others] = await runs();
      expect(others).toEqual([]);
      expect(one).toMatchObject({ status: 'succeeded', mode: 'full' });
      expect(two).toMatchObject({ status: 'succeeded', mode: 'incremental', resumed_from: null });
      expect(two?.started_at >= one?.finished_at).toBe(true);
    });
  });

  describe('a holder that is gone', () => {
    beforeEach(async () => {
      database = await make.migrated();
    });

    test('kill -9 and run again: its lease is watched to its end, taken over, and the run gone on with', async () => {
      // It is asked for when the first has landed.
      const page = holdRequest(simulator, isListPage(TURNS_MAX + 1));
      const killed = start('killed', SHORT_LEASE);
      await page.came;
      killed.kill('SIGKILL');
      const next = start('next', SHORT_LEASE);
      await killed.finished;
      const left = await lease();
      page.letGo();
      expect((await next.finished).code).toBe(0);
      const [old, own] = await runs();
      expect(old).toMatchObject({ status: 'abandoned' });
      expect(own).toMatchObject({ status: 'succeeded', resumed_from: old?.id });
      expect(own?.started_at >= left.expires_at).toBe(true);
      // Once when it was taken, once when it was handed back.
      expect(BigInt((await lease()).fence)).toBe(BigInt(left.fence) + 2n);
      expect(await compareWithSource(database.serverUrl, simulator)).toEqual(EQUAL);
    });

    test('SIGSTOP past its expiry, then SIGCONT: its page is refused, and what the successor made stays', async () => {
      const page = holdRequest(simulator, isListPage(3));
      const stopped = start('stopped', SHORT_LEASE);
      await page.came;
      stopped.kill('SIGSTOP');
      // The page as it was is on its way to the one that is stopped.
      page.letGo();
      await vi.waitUntil(() => simulator.requests.find(isListPage(3))?.status === 200, PATIENCE);
      changeInSilence();
      expect((await start('successor', SHORT_LEASE, '--mode', 'full').finished).code).toBe(0);
      const before = await everything();
      stopped.kill('SIGCONT');
      const { code, stdout } = await stopped.finished;
      expect(code).toBe(6);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', error_kind: 'busy' });
      expect(await everything()).toEqual(before);
      expect(await runs()).toMatchObject([{ status: 'abandoned' }, { status: 'succeeded' }]);
    });

    test('SIGSTOP between the check of its fence and its COMMIT: it is thrown out, and can write nothing', async () => {
      await withClient(database.serverUrl, async (other) => {
        const page = holdRequest(simulator, isListPage(3));
        const stopped = start('stopped', SHORT_LEASE);
        await page.came;
        await other.query('begin; lock table intercom.users in share row exclusive mode');
        page.letGo();
        const { pid } = await waitsForLock(database.serverUrl, 'stopped');
        stopped.kill('SIGSTOP');
        const successor = start('successor', SHORT_LEASE, '--mode', 'full');
        await other.query('rollback');
        const sessions = () => sessionsOf(database.serverUrl, 'stopped');
        await vi.waitUntil(async () => (await sessions()).every((s) => s.pid !== pid), PATIENCE);
        expect((await successor.finished).code).toBe(0);
        const before = await everything();
        stopped.kill('SIGCONT');
        const { code, stdout } = await stopped.finished;
        expect(code).toBe(6);
        expect(JSON.parse(stdout)).toMatchObject({ status: 'failed', error_kind: 'busy' });
        expect(await everything()).toEqual(before);
        expect(await compareWithSource(database.serverUrl, simulator)).toEqual(EQUAL);
      });
    });
  });

  describe('an empty database', () => {
    beforeEach(async () => {
      database = await make.empty();
    });

    test.each([2, 6])('%i migrators at once all succeed, and migrate once', async (count) => {
      const migrators = Array.from({ length: count }, (_, at) =>
        startInTest(['migrate'], { DATABASE_URL: named(database.url, `migrator ${at}`) }),
      );
      const finished = await Promise.all(migrators.map((migrator) => migrator.finished));
      expect(finished.map(({ code, stderr }) => [code, stderr])).toEqual(
        Array.from({ length: count }, () => [0, '']),
      );
      const opened = openDatabase(database.serverUrl);
      onTestFinished(() => opened.close());
      expect(await migrationState(opened)).toBe('current');
      const twice = 'select hash from drizzle.__drizzle_migrations group by 1 having count(*) > 1';
      expect(await rowsOf(database.serverUrl, twice)).toEqual([]);
    });

    test('two syncs at once: one does its run, and the other exits 6', async () => {
      const page = holdRequest(simulator, isListPage(1));
      const both = [start('one', SAFE_LEASE), start('two', SAFE_LEASE)];
      await page.came;
      const refused = await Promise.race(both.map((program) => program.finished));
      expect(refused.code).toBe(6);
      page.letGo();
      const codes = await Promise.all(both.map(async (program) => (await program.finished).code));
      expect(codes.sort()).toEqual([0, 6]);
      expect(await compareWithSource(database.serverUrl, simulator)).toEqual(EQUAL);
    });

    test('two syncs at once with --wait: both do their runs, one after the other', async () => {
      const both = [start('one', SAFE_LEASE, '--wait'), start('two', SAFE_LEASE, '--wait')];
      const codes = await Promise.all(both.map(async (program) => (await program.finished).code));
      expect(codes).toEqual([0, 0]);
      const [one, two, ...others] = await runs();
      expect(others).toEqual([]);
      expect(one).toMatchObject({ status: 'succeeded' });
      expect(two).toMatchObject({ status: 'succeeded' });
      expect(two?.started_at >= one?.finished_at).toBe(true);
      expect(await compareWithSource(database.serverUrl, simulator)).toEqual(EQUAL);
    });
  });
}
