import { describe, expect, test } from 'vitest';
import type { RunRequest } from '../../src/sync/plan.ts';
import type { Verdict } from '../support/postgres-proxy.ts';
import { compareWithSource, EQUAL, syncHere } from '../support/sync.ts';
import {
  countedAfter,
  expectDone,
  expectNothingHalf,
  expectWrittenOnce,
  newestRun,
} from './invariants.ts';
import { changeSource, MINUTE_MS, openWorld, SCROLLING, type World } from './world.ts';

const USERS = 45;
const PER_PAGE = 30;
/** Rounds that go on at once, each in a world of its own: much of a round is waiting. */
const LANES = 4;
const STATEMENTS_MAX = 500;

interface Kind {
  readonly faults: object;
  readonly mode: RunRequest['mode'];
}

const KINDS: Readonly<Record<string, Kind>> = {
  'a full run with a list, an updated pass and a sweep': { faults: {}, mode: 'full' },
  'a full run by scroll': { faults: SCROLLING, mode: 'full' },
  'an incremental run': { faults: {}, mode: 'incremental' },
};

const VERDICTS: Readonly<Record<string, Verdict>> = {
  'cut off before it': 'cut before',
  'cut off after it, with its answer lost': 'cut after',
  'refused with a serialization failure': { raise: '40001' },
};

describe.each(Object.entries(KINDS))('%s', (kindName, kind) => {
  test.each(Object.entries(VERDICTS))(
    'ends whole, or is put right by the next, when its Nth statement is %s, for every N',
    async (verdictName, verdict) => {
      let nth = 0;
      let untouched = Number.POSITIVE_INFINITY;
      let failedRuns = 0;
      await Promise.all(Array.from({ length: LANES }, lane));
      async function lane(): Promise<void> {
        const world = await openWorld({ users: USERS, perPage: PER_PAGE, faults: kind.faults });
        try {
          await syncHere(world.environment());
          while (nth < untouched && nth < STATEMENTS_MAX) {
            nth += 1;
            const mine = nth;
            const outcome = await failStatement(world, kind, mine, verdict);
            if (outcome === 'untouched') untouched = Math.min(untouched, mine);
            if (outcome === 'failed') failedRuns += 1;
          }
        } finally {
          await world.close();
        }
      }
      expect(untouched).toBeLessThan(STATEMENTS_MAX);
      process.stdout.write(
        `${kindName}, ${verdictName}: N = 1 to ${untouched - 1}, ${failedRuns} runs failed and were put right\n`,
      );
    },
  );
});

async function failStatement(
  world: World,
  { mode }: Kind,
  nth: number,
  verdict: Verdict,
): Promise<'untouched' | 'outlived' | 'failed'> {
  world.passTime(60 * MINUTE_MS);
  const isFull = mode === 'full';
  const changes = await changeSource(world, isFull);
  const { id: before } = await newestRun(world);
  let seen = 0;
  const stop = world.proxy.onStatement(() => {
    seen += 1;
    return seen === nth ? verdict : 'pass';
  });
  const error = await errorOfRun(world, mode);
  stop();
  await expectNothingHalf(world);
  if (error !== null) {
    expect(error).toMatchObject({ kind: 'database', exitCode: 5 });
    // Whoever runs again waits for the lease of the dead; that wait has a test of its own.
    await world.rows('update intercom.sync_leases set expires_at = now()');
    expect(await errorOfRun(world, mode)).toBeNull();
    await expectNothingHalf(world);
  }
  const where = `statement ${nth}`;
  expect(await compareWithSource(world.databaseUrl, world.simulator), where).toEqual(EQUAL);
  await expectDone(world);
  await expectWrittenOnce(world, changes.inserted + changes.updated + changes.deleted);
  expect(await countedAfter(world, before)).toEqual(changes);
  if (seen < nth) return 'untouched';
  return error === null ? 'outlived' : 'failed';
}

/** Before there is a run, as while the migrations are looked at, there is no report either. */
async function errorOfRun(world: World, mode: RunRequest['mode']): Promise<unknown> {
  return syncHere(world.environment(), { mode }).then(
    ({ report }) => report.error,
    (error: unknown) => error,
  );
}
