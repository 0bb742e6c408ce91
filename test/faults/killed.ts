import { expect } from 'vitest';
import { TURNS_MAX } from '../../src/sync/turns.ts';
import {
  compareWithSource,
  type Difference,
  type RunningProgram,
  startProgram,
  syncHere,
} from '../support/sync.ts';
import {
  countedAfter,
  expectDone,
  expectNothingHalf,
  expectWrittenOnce,
  newestRun,
} from './invariants.ts';
import { type Moment, onMoments } from './moments.ts';
import { changeSource, MINUTE_MS, openWorld, SCROLLING, type World } from './world.ts';

export interface KilledRun {
  readonly kind: 'list' | 'scroll' | 'incremental';
  readonly isFatal: (moment: Moment) => boolean;
  /** How long after that moment the program lives on, its wires untouched. */
  readonly afterMs?: number;
}

/** What a round has shown; what it must show is asserted by `surviveKill` itself. */
export interface Survived extends Difference {
  readonly users: number;
  readonly duplicates: number;
  /** Whether it was killed: a moment that never came leaves it to end by itself. */
  readonly wasKilled: boolean;
  /** Pages of a list that had landed and were asked for once more. */
  readonly landedAgain: number;
  /** Pages of a list that were asked for twice: in hand, or read ahead, when it died. */
  readonly askedAgain: number;
}

export const KILLED_USERS = 137;
const PER_PAGE = 30;

/** The shortest that can be set: whoever runs again watches the lease of the dead for so long. */
const SETTINGS = { SYNC_LEASE_SECONDS: '3' };

/** A run over a changed source is killed for good, more changes, it is run again: nothing is lost. */
export async function surviveKill(run: KilledRun): Promise<Survived> {
  const world = await openWorld({
    users: KILLED_USERS,
    perPage: PER_PAGE,
    faults: run.kind === 'scroll' ? SCROLLING : {},
    hasBadUser: true,
  });
  try {
    expect((await syncHere(world.environment())).report.error).toBeNull();
    return await killAndRunAgain(world, run);
  } finally {
    await world.close();
  }
}

async function killAndRunAgain(world: World, run: KilledRun): Promise<Survived> {
  const mode = run.kind === 'incremental' ? 'incremental' : 'full';
  const environment = world.environment(SETTINGS);
  const { id: before } = await newestRun(world);
  world.passTime(60 * MINUTE_MS);
  const changes = await changeSource(world, mode === 'full');
  const askedBefore = world.simulator.requests.length;

  const wasKilled = await killProgram(
    world,
    startProgram(['sync', '--mode', mode], environment),
    run,
  );
  await expectNothingHalf(world);
  const dead = await readDead(world, before);
  const askedFirst = listPages(world, askedBefore);

  world.passTime(MINUTE_MS);
  world.simulator.workspace.update(userBetween(world), { name: 'Changed while it was dead' });
  const askedBetween = world.simulator.requests.length;
  const again = await syncHere(environment, { mode });
  expect(again.report.error).toBeNull();
  const askedSecond = listPages(world, askedBetween);

  await expectNothingHalf(world);
  await expectDone(world);
  const { inserted, updated, deleted } = changes;
  await expectWrittenOnce(world, inserted + updated + deleted + 1);
  // Who was read before and changed since is written, and counted as a duplicate.
  expect(await countedAfter(world, before)).toMatchObject({ inserted, deleted });
  if (dead) await expectGoneOn(world, dead);
  const landed = new Set(dead?.canBeGoneOn ? dead.landedPages : []);
  const survived = {
    ...(await compare(world)),
    users: world.simulator.workspace.size,
    wasKilled,
    landedAgain: askedSecond.filter((page) => landed.has(page)).length,
    askedAgain: dead?.canBeGoneOn
      ? askedSecond.filter((page) => askedFirst.includes(page)).length
      : 0,
  };
  expect(survived).toMatchObject({
    missing: 0,
    stale: 0,
    ghosts: 0,
    duplicates: 0,
    landedAgain: 0,
  });
  expect(survived.askedAgain).toBeLessThanOrEqual(TURNS_MAX);
  return survived;
}

/** Returns whether the program lived to see that moment. */
async function killProgram(
  world: World,
  program: RunningProgram,
  { isFatal, afterMs = 0 }: KilledRun,
): Promise<boolean> {
  let isOver = false;
  const stop = onMoments(world, async (moment) => {
    if (isOver || !isFatal(moment)) return 'pass';
    isOver = true;
    if (afterMs > 0) {
      setTimeout(() => program.kill('SIGKILL'), afterMs);
      return 'pass';
    }
    program.kill('SIGKILL');
    await program.finished;
    return 'cut';
  });
  const { signal } = await program.finished;
  stop();
  return signal === 'SIGKILL';
}

interface DeadRun {
  readonly id: string;
  readonly watermark: Date | null;
  readonly canBeGoneOn: boolean;
  readonly landedPages: readonly number[];
}

/** The run that was left behind as running; none if it died before its start or after its end. */
async function readDead(world: World, before: string): Promise<DeadRun | null> {
  const [dead] = await world.rows<{
    id: string;
    watermark: Date | null;
    last_pass: string | null;
    limit_reached: boolean;
    list_pages: number[];
  }>(
    `select id, watermark, limit_reached,
       (select pass from intercom.sync_checkpoints where run_id = run.id
        order by sequence desc limit 1) as last_pass,
       array(select page from intercom.sync_checkpoints where run_id = run.id
         and pass in ('list', 'created')) as list_pages
     from intercom.sync_runs as run where id > $1 and status = 'running'`,
    [before],
  );
  if (!dead) return null;
  const { id, watermark, last_pass: last, limit_reached: isLimited } = dead;
  // A scroll cannot be gone on with, but what comes behind it can.
  const canBeGoneOn = last === 'updated' || (last !== null && last !== 'scroll' && !isLimited);
  return { id, watermark, canBeGoneOn, landedPages: dead.list_pages };
}

/** The dead run is told as such; where it can be gone on with, its start is what counts. */
async function expectGoneOn(world: World, dead: DeadRun): Promise<void> {
  const runs = await world.rows(
    'select id, status, resumed_from from intercom.sync_runs where id >= $1 order by id',
    [dead.id],
  );
  expect(runs).toMatchObject([
    { id: dead.id, status: 'abandoned' },
    { status: 'succeeded', resumed_from: dead.canBeGoneOn ? dead.id : null },
  ]);
  if (!dead.canBeGoneOn) return;
  expect(dead.watermark).not.toBeNull();
  expect(await world.rows('select watermark from intercom.workspaces')).toEqual([
    { watermark: dead.watermark },
  ]);
}

function listPages(world: World, fromRequest: number): number[] {
  return world.simulator.requests
    .slice(fromRequest)
    .filter(({ query }) => query.get('sort') === 'created_at')
    .map(({ query }) => Number(query.get('page')));
}

function userBetween({ simulator: { workspace } }: World): string {
  return String(workspace.users()[Math.floor(workspace.size * 0.45)]?.id);
}

/** The one user that Postgres refuses is set aside, and so is not missing. */
async function compare(world: World): Promise<Difference & { readonly duplicates: number }> {
  const difference = await compareWithSource(world.databaseUrl, world.simulator);
  const [counted] = await world.rows<{ rejected: number; duplicates: number }>(
    `select (select count(*) from intercom.rejected_users where resolved_at is null)::int as rejected,
       (select count(*) - count(distinct id) from intercom.users)::int as duplicates`,
  );
  expect(counted?.rejected).toBe(1);
  return {
    ...difference,
    missing: difference.missing - 1,
    duplicates: counted?.duplicates ?? 0,
  };
}
