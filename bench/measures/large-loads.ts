import {
  type Figure,
  figureIfTold,
  figureOf,
  type Goal,
  type Heading,
  medianOf,
} from '../figures.ts';
import type { BenchDatabase } from '../postgres.ts';
import { expectCount, runProgram, usersPerSecond } from '../program.ts';
import { type Measured, type Scene, type Series, startApi } from '../scene.ts';

const MB = 1_000_000;
/** The largest load is looked at in as many parts. */
const PARTS = 10;
const RSS_GOAL_MB: Goal = { atMost: 150 };
const GROWTH_GOAL_PERCENT: Goal = { atMost: 10 };

/** One load, and what it cost in each round. */
interface Load {
  readonly users: number;
  readonly rounds: readonly Loaded[];
}

interface Loaded {
  readonly peakRssBytes: number;
  readonly nodeMicros: number;
  readonly backendMicros: number | null;
  readonly walBytes: number;
  /** Users a second in each part, in order. */
  readonly parts: readonly number[];
}

/** What a load takes in memory, and whether a page costs more when the table is large. */
export async function measureLargeLoads(scene: Scene): Promise<Measured> {
  const loads = scene.sizes.loads.map((users) => ({ users, rounds: [] as Loaded[] }));
  for (let round = 1; round <= scene.sizes.loadRounds; round += 1) {
    for (const { users, rounds } of loads) {
      const what = `memory and growth: ${users.toLocaleString('en')} users by scroll`;
      scene.tell(`${what}, round ${round} of ${scene.sizes.loadRounds}`);
      rounds.push(await load(scene, users));
    }
  }
  const last = loads.at(-1);
  const before = loads.at(-2);
  if (!last || !before) throw new TypeError('memory is compared between two loads at least');
  return {
    figures: [...loads.flatMap(figuresOf), ...growthOf(before, last), speedOf(last)],
    series: [memorySeries(loads), speedSeries(last)],
  };
}

async function load(scene: Scene, users: number): Promise<Loaded> {
  const api = await startApi(scene, { users });
  const database = await scene.postgres.createDatabase();
  await scene.postgres.settle();
  const sync = () => runProgram(scene, api, database, { mode: 'full' });
  const { result: run, walBytes, cpuMs } = await scene.postgres.watch(sync);
  if (run.report.status !== 'succeeded') throw new Error(`the load ${run.report.status}`);
  expectCount(run, 'inserted', users);
  const parts = await readParts(database, users);
  await database.drop();
  await api.stop();
  return {
    peakRssBytes: run.peakRssBytes,
    nodeMicros: (run.cpuMs * 1000) / users,
    backendMicros: cpuMs === null ? null : (cpuMs * 1000) / users,
    walBytes: walBytes / users,
    parts,
  };
}

/** From the checkpoints, whose clock is Postgres's at each page's end. */
async function readParts(database: BenchDatabase, users: number): Promise<number[]> {
  const pages = await database.query<{ read: number; at_ms: number }>(`
    select sum(users) over (order by sequence)::integer as read,
      extract(epoch from committed_at)::double precision * 1000 as at_ms
    from intercom.sync_checkpoints where pass = 'scroll' order by sequence`);
  const speeds: number[] = [];
  let from = pages[0];
  for (let part = 1; part <= PARTS && from; part += 1) {
    const to = pages.find(({ read }) => read >= (users * part) / PARTS);
    if (!to || to.read === from.read) break;
    speeds.push(usersPerSecond(to.read - from.read, to.at_ms - from.at_ms));
    from = to;
  }
  return speeds;
}

function figuresOf({ users, rounds }: Load): Figure[] {
  const heading = (key: string, what: string, unit: Heading['unit'], goal?: Goal): Heading => ({
    id: `load/${users}/${key}`,
    what: `${what}, ${users.toLocaleString('en')} users by scroll`,
    unit,
    goal,
  });
  const of = <K extends keyof Loaded>(key: K) => rounds.map((loaded) => loaded[key]);
  return [
    figureOf(
      heading('rss', 'peak RSS', 'MB', users === 1_000_000 ? RSS_GOAL_MB : undefined),
      of('peakRssBytes').map((bytes) => bytes / MB),
    ),
    figureOf(heading('node', "Node's CPU, start and all", 'µs/user'), of('nodeMicros')),
    ...figureIfTold(heading('backend', "Postgres's CPU", 'µs/user'), of('backendMicros')),
    figureOf(heading('wal', 'WAL', 'bytes/user'), of('walBytes')),
  ];
}

function growthOf(before: Load, last: Load): Figure[] {
  const users = `from ${before.users.toLocaleString('en')} to ${last.users.toLocaleString('en')} users`;
  const heading = (key: string, what: string, unit: Heading['unit'], goal?: Goal): Heading => ({
    id: `load/${key}`,
    what: `${what} ${users}`,
    unit,
    goal,
  });
  const over = (take: (few: Loaded, many: Loaded) => number) =>
    last.rounds.map((many, round) => take(before.rounds[round] as Loaded, many));
  const more = last.users - before.users;
  return [
    figureOf(
      heading('rss-growth', 'growth of peak RSS', 'percent', GROWTH_GOAL_PERCENT),
      over((few, many) => (many.peakRssBytes / few.peakRssBytes - 1) * 100),
    ),
    figureOf(
      heading('node-slope', "Node's CPU, each user more", 'µs/user'),
      over((few, many) => (many.nodeMicros * last.users - few.nodeMicros * before.users) / more),
    ),
    figureOf(
      heading('rss-slope', 'growth of peak RSS', 'bytes/user'),
      over((few, many) => (many.peakRssBytes - few.peakRssBytes) / more),
    ),
  ];
}

function speedOf({ users, rounds }: Load): Figure {
  const what = `users/s of the last tenth of ${users.toLocaleString('en')} over the first`;
  return figureOf(
    { id: 'load/last-over-first', what, unit: 'times', goal: { atLeast: 0.9 } },
    rounds.map(({ parts }) => (parts.at(-1) ?? Number.NaN) / (parts[0] ?? Number.NaN)),
  );
}

function memorySeries(loads: readonly Load[]): Series {
  const points = loads.map(({ users, rounds }) => {
    return { users, value: medianOf(rounds.map(({ peakRssBytes }) => peakRssBytes / MB)) };
  });
  return { id: 'memory', what: 'peak RSS in MB', points };
}

function speedSeries({ users, rounds }: Load): Series {
  const points = Array.from({ length: PARTS }, (_, at) => ({
    users: (users * (at + 1)) / PARTS,
    value: medianOf(rounds.map(({ parts }) => parts[at] ?? Number.NaN)),
  }));
  return { id: 'speed', what: 'users/s, each tenth of the largest load', points };
}
