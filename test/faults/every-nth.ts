import { expect } from 'vitest';
import type { RunRequest } from '../../src/sync/plan.ts';
import { compareWithSource, EQUAL, syncHere } from '../support/sync.ts';
import {
  countedAfter,
  expectDone,
  expectNothingHalf,
  expectWrittenOnce,
  newestRun,
} from './invariants.ts';
import {
  type Changes,
  changeSource,
  MINUTE_MS,
  openWorld,
  SCROLLING,
  type World,
} from './world.ts';

/** A run of a few pages, with every step that a run of its kind has. */
export interface Kind {
  readonly users: number;
  readonly faults: typeof SCROLLING;
  readonly mode: RunRequest['mode'];
}

export const KINDS: Readonly<Record<string, Kind>> = {
  'a full run with a list, an updated pass and a sweep': { users: 45, faults: {}, mode: 'full' },
  // A scroll has a hundred users a page: a second one that is lost must show.
  'a full run by scroll': { users: 137, faults: SCROLLING, mode: 'full' },
  'an incremental run': { users: 45, faults: {}, mode: 'incremental' },
};

/** How a run ended whose Nth statement or request failed; 'untouched' if it has no Nth. */
export type Outcome = 'untouched' | 'outlived' | 'failed';

const PER_PAGE = 30;
const N_MAX = 500;

/**
 * N = 1, 2, 3 … until a run passes untouched, in so many lanes at once, each with a world of its
 * own: much of a round is waiting. Returns how often each outcome was met.
 */
export async function forEveryNth(
  kind: Kind,
  lanes: number,
  round: (world: World, nth: number) => Promise<Outcome>,
): Promise<Record<Outcome, number>> {
  const met = { untouched: 0, outlived: 0, failed: 0 };
  let nth = 0;
  async function lane(): Promise<void> {
    const world = await openWorld({ users: kind.users, perPage: PER_PAGE, faults: kind.faults });
    try {
      await syncHere(world.environment());
      while (met.untouched === 0 && nth < N_MAX) {
        nth += 1;
        const outcome = await round(world, nth);
        met[outcome] += 1;
      }
    } finally {
      await world.close();
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(met.untouched).toBeGreaterThan(0);
  return met;
}

/** One run over a changed source while something breaks, and another if that one failed. */
export async function runOnce(
  world: World,
  { mode }: Kind,
  env: Readonly<Record<string, string>>,
  breakSomething: () => () => void,
): Promise<unknown> {
  world.passTime(60 * MINUTE_MS);
  const changes = await changeSource(world, mode === 'full');
  const { id: before } = await newestRun(world);
  const mend = breakSomething();
  const error = await errorOfRun(world, env, mode);
  mend();
  await expectNothingHalf(world);
  // Whoever runs again waits for a lease that was left behind; that wait has a test of its own.
  await world.rows('update intercom.sync_leases set expires_at = now()');
  if (error !== null) {
    // What has begun is tried again within; what has not is for the caller to begin again.
    expect((await newestRun(world)).id).toBe(before);
    expect(await errorOfRun(world, env, mode)).toBeNull();
    await expectNothingHalf(world);
  }
  await expectWhole(world, before, changes);
  return error;
}

async function expectWhole(world: World, before: string, changes: Changes): Promise<void> {
  expect(await compareWithSource(world.databaseUrl, world.simulator)).toEqual(EQUAL);
  await expectDone(world);
  await expectWrittenOnce(world, changes.inserted + changes.updated + changes.deleted);
  expect(await countedAfter(world, before)).toEqual(changes);
}

/** Before there is a run, as while the migrations are looked at, there is no report either. */
async function errorOfRun(
  world: World,
  env: Readonly<Record<string, string>>,
  mode: RunRequest['mode'],
): Promise<unknown> {
  return syncHere(world.environment(env), { mode }).then(
    ({ report }) => report.error,
    (error: unknown) => error,
  );
}
