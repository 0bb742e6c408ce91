import { randomInt } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { diceFrom } from '../../src/simulator/random.ts';
import { type KilledRun, type Survived, surviveKill } from './killed.ts';
import type { Moment } from './moments.ts';

type Point = readonly [when: Moment['when'], what: string, page: number];

/** From the first statement of a run to the last, those of one page each by itself. */
const OF_A_LIST: readonly Point[] = [
  ['before', 'the lease', 1],
  ['after', 'commit of the lease', 1],
  ['before', 'the run', 1],
  ['after', 'commit of the run', 1],
  ['before', 'the request of the app', 1],
  ['after', 'commit of the watermark', 1],
  // An answer has come, and nothing of it is written.
  ['before', 'begin', 2],
  ['after', 'begin', 2],
  ['before', 'the users', 2],
  ['after', 'the users', 2],
  ['before', 'the rejects', 4],
  ['after', 'the rejects', 4],
  ['before', 'the checkpoint', 1],
  ['after', 'the checkpoint', 2],
  ['before', 'commit of the checkpoint', 1],
  ['after', 'commit of the checkpoint', 2],
  ['before', 'the request of created_at', 3],
  ['before', 'the request of updated_at', 6],
  ['after', 'the users', 6],
  ['after', 'commit of the checkpoint', 6],
  ['before', 'the request of one user', 7],
  ['before', 'the deletions', 7],
  ['after', 'commit of the deletions', 7],
  ['before', 'the end of the run', 7],
  ['before', 'commit of the end of the run', 7],
  ['after', 'commit of the end of the run', 7],
  ['before', 'the release', 7],
];

const OF_A_SCROLL: readonly Point[] = [
  ['before', 'the limit', 2],
  ['before', 'the request of the scroll', 2],
  ['before', 'the users', 3],
  ['after', 'the users', 3],
  ['after', 'commit of the checkpoint', 3],
  ['after', 'commit of the checkpoint', 5],
];

/** Prints what it shows; the same seed kills at the same moments. */
const SEED = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 6);
/** About as many as a run has: a round that ends untouched is right as well. */
const MOMENTS = { list: 300, scroll: 300, incremental: 150 };
const LIFE_AFTER_MAX_MS = 20;

/** Of the rounds of one kind together, what they have shown. */
const sums = new Map<string, Record<string, number>>();
afterAll(() => {
  for (const [fault, sum] of sums) process.stdout.write(`${fault}: ${JSON.stringify(sum)}\n`);
});

async function survive(fault: string, run: KilledRun): Promise<Survived> {
  const survived = await surviveKill(run);
  const { wasKilled, users, ...shown } = survived;
  const sum = sums.get(fault) ?? {};
  const counts = { rounds: 1, killed: Number(wasKilled), ...shown };
  for (const [key, count] of Object.entries(counts)) sum[key] = (sum[key] ?? 0) + count;
  sums.set(fault, { ...sum, users });
  return survived;
}

describe.each([
  ['list', OF_A_LIST],
  ['scroll', OF_A_SCROLL],
] as const)('a full run by %s, killed and run again, loses nothing', (kind, points) => {
  test.concurrent.each(points)('%s %s of page %i', async (when, what, page) => {
    // A page that was refused once may change places with the one behind it: then that one's moment.
    const isFatal = (moment: Moment) =>
      moment.when === when && moment.what === what && moment.page >= page;
    const { wasKilled } = await survive(`killed at each point, ${kind}`, { kind, isFatal });
    expect(wasKilled).toBe(true);
  });
});

describe(`a run killed at a random moment and run again loses nothing (FAULT_SEED=${SEED})`, () => {
  const dice = diceFrom(SEED);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const kind = dice.pick<KilledRun['kind']>(['list', 'scroll', 'incremental']);
    return { kind, at: 1 + dice.below(MOMENTS[kind]), afterMs: dice.below(LIFE_AFTER_MAX_MS) };
  });
  test.concurrent.each(rounds)(
    '$kind, $afterMs ms after moment $at',
    async ({ kind, at, afterMs }) => {
      const isFatal = ({ number }: Moment) => number === at;
      await survive(`killed at random, ${kind}`, { kind, isFatal, afterMs });
    },
  );
});
