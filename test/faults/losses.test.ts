import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../support/postgres-proxy.ts';
import { compareWithSource, EQUAL, startProgram, syncHere } from '../support/sync.ts';
import { expectDone, expectNothingHalf, expectWrittenOnce, newestRun } from './invariants.ts';
import { type Moment, onMoments } from './moments.ts';
import { openWorld, type World } from './world.ts';

const USERS = 137;
const PER_PAGE = 30;
/** How long the database is away: long enough for several tries to meet nobody. */
const AWAY_MS = 1_500;
/** An answer is waited for a minute, and three times less for what is tried after that. */
const STUCK_AFTER_MS = 300_000;

async function inWorld(use: (world: World) => Promise<void>): Promise<void> {
  const world = await openWorld({ users: USERS, perPage: PER_PAGE });
  try {
    await use(world);
  } finally {
    await world.close();
  }
}

/** A first run, and `strike` when its second page is at this point, or the first after it that is. */
async function runStruck(
  world: World,
  point: Pick<Moment, 'when' | 'what'>,
  strike: () => Promise<void>,
) {
  let isStruck = false;
  const stop = onMoments(world, async ({ when, what, page }) => {
    if (page < 2 || when !== point.when || what !== point.what) return 'pass';
    stop();
    isStruck = true;
    await strike();
    return 'pass';
  });
  const finished = await syncHere(world.environment());
  expect(isStruck).toBe(true);
  await expectNothingHalf(world);
  return finished;
}

async function expectAllThere(world: World): Promise<void> {
  expect(await compareWithSource(world.databaseUrl, world.simulator)).toEqual(EQUAL);
  await expectDone(world);
  await expectWrittenOnce(world, USERS);
}

/** Each page counts once: 5 of the list, the first of `updated`, whose users were seen before. */
const COUNTED_ONCE = { pages: 6, users_read: 167, inserted: USERS, duplicates: 30, unchanged: 0 };

describe.concurrent('a database that falls silent for good', () => {
  test(
    'ends the program with exit code 5 within its bounds, and the next goes on',
    { timeout: STUCK_AFTER_MS },
    () =>
      inWorld(async (world) => {
        const env = world.environment({ SYNC_LEASE_SECONDS: '3' });
        const program = startProgram(['sync', '--json'], env);
        const stop = onMoments(world, async ({ page, what }) => {
          // The page before has landed by then, and there is something to go on from.
          if (page === 2 && what === 'the checkpoint') world.proxy.freeze();
          return 'pass';
        });
        const { code, stdout } = await program.finished;
        expect(code).toBe(5);
        expect(stdout).toContain('"error_kind":"database"');
        stop();
        world.proxy.cut();
        world.proxy.thaw();
        const { id: dead } = await newestRun(world);
        expect((await syncHere(env)).report.error).toBeNull();
        await expectNothingHalf(world);
        await expectAllThere(world);
        expect(
          await world.rows('select id, status, resumed_from from intercom.sync_runs order by id'),
        ).toMatchObject([
          { id: dead, status: 'abandoned' },
          { status: 'succeeded', resumed_from: dead },
        ]);
      }),
  );
});

describe.concurrent('a database that is away in the middle of a list, and comes back, is outlived', () => {
  test.each([
    ['before', 'begin'],
    ['before', 'the users'],
    ['after', 'commit of the checkpoint'],
  ] as const)('%s %s', (when, what) =>
    inWorld(async (world) => {
      const { json } = await runStruck(world, { when, what }, async () => {
        await world.proxy.refuse();
        void delay(AWAY_MS).then(world.proxy.listen);
      });
      expect(json).toMatchObject({ status: 'succeeded', ...COUNTED_ONCE });
      await expectAllThere(world);
    }),
  );

  test('frozen and thawed again', () =>
    inWorld(async (world) => {
      const { json } = await runStruck(world, { when: 'before', what: 'the users' }, async () => {
        world.proxy.freeze();
        void delay(AWAY_MS).then(world.proxy.thaw);
      });
      expect(json).toMatchObject({ status: 'succeeded', ...COUNTED_ONCE });
      await expectAllThere(world);
    }));
});

test.concurrent('pages whose COMMIT answers are lost are counted once', () =>
  inWorld(async (world) => {
    const written = new Set<number>();
    let commits = 0;
    world.proxy.onStatement(({ text, connection }): Verdict => {
      if (text.includes('insert into "intercom"."sync_checkpoints"')) written.add(connection);
      if (text !== 'commit' || !written.delete(connection)) return 'pass';
      commits += 1;
      // The page is done again then, and that one's answer comes.
      return commits % 2 === 1 ? 'cut after' : 'pass';
    });
    const { json } = await syncHere(world.environment());
    expect(json).toMatchObject({ status: 'succeeded', ...COUNTED_ONCE });
    expect(commits).toBe(2 * COUNTED_ONCE.pages);
    await expectNothingHalf(world);
    await expectAllThere(world);
  }));

describe.concurrent('an API that fails for good in the middle of a list', () => {
  test.each(['freeze', 'freezeMidway', 'drip', 'cut', 'reset'] as const)(
    '%s: ends with exit code 4, what was read is kept, and the next run goes on from there',
    (answer) =>
      inWorld(async (world) => {
        const env = world.environment({ INTERCOM_REQUEST_TIMEOUT_MS: '1000' });
        world.simulator.faults.rules.push({
          answer,
          match: { path: '/users', query: { page: '3', sort: 'created_at' } },
        });
        const failed = await syncHere(env);
        expect(failed.report.error).toMatchObject({ kind: 'source', exitCode: 4 });
        expect(failed.json).toMatchObject({ status: 'failed', pages: 2, inserted: 60 });
        await expectNothingHalf(world);

        world.simulator.faults.rules.length = 0;
        const { json } = await syncHere(env);
        expect(json).toMatchObject({ status: 'succeeded', inserted: USERS - 60 });
        await expectAllThere(world);
        expect(
          await world.rows('select resumed_from from intercom.sync_runs where status = $1', [
            'succeeded',
          ]),
        ).toEqual([{ resumed_from: failed.json.run_id }]);
      }),
  );
});
