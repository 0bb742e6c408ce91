import { type Figure, figureIfTold, figureOf } from '../figures.ts';
import type { BenchDatabase } from '../postgres.ts';
import { expectCount, runProgram, usersPerSecond } from '../program.ts';
import { type Measured, type Scene, type Series, startApi } from '../scene.ts';

const MB = 1_000_000;
/** The largest load is looked at in as many parts. */
const PARTS = 10;
/** Of what is a memory that grows with the users a goal at all. */
const GROWTH_GOAL_PERCENT = 10;

interface Loaded {
  readonly users: number;
  readonly peakRssBytes: number;
  readonly nodeMicros: number;
  readonly backendMicros: number | null;
  readonly walBytes: number;
  /** Users a second in each part, in order. */
  readonly parts: readonly number[];
}

/** What a load takes in memory, and whether a page costs more when the table is large. */
export async function measureLargeLoads(scene: Scene): Promise<Measured> {
  const loads: Loaded[] = [];
  for (const users of scene.sizes.loads) loads.push(await load(scene, users));
  const last = loads.at(-1);
  const before = loads.at(-2);
  if (!last || !before) throw new TypeError('memory is compared between two loads at least');
  return {
    figures: [...loads.flatMap(figuresOf), ...growthOf(before, last), speedOf(last)],
    series: [memorySeries(loads), speedSeries(last)],
  };
}

async function load(scene: Scene, users: number): Promise<Loaded> {
  scene.tell(`memory and growth: ${users.toLocaleString('en')} users by scroll`);
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
    users,
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

function figuresOf({ users, ...loaded }: Loaded): Figure[] {
  const of = `${users.toLocaleString('en')} users by scroll`;
  const id = `load/${users}`;
  const goal = users === 1_000_000 ? { goal: { atMost: 150 } } : {};
  return [
    figureOf({ id: `${id}/rss`, what: `peak RSS, ${of}`, unit: 'MB', ...goal }, [
      loaded.peakRssBytes / MB,
    ]),
    figureOf({ id: `${id}/node`, what: `Node's CPU, start and all, ${of}`, unit: 'µs/user' }, [
      loaded.nodeMicros,
    ]),
    ...figureIfTold({ id: `${id}/backend`, what: `Postgres's CPU, ${of}`, unit: 'µs/user' }, [
      loaded.backendMicros,
    ]),
    figureOf({ id: `${id}/wal`, what: `WAL, ${of}`, unit: 'bytes/user' }, [loaded.walBytes]),
  ];
}

function growthOf(before: Loaded, last: Loaded): Figure[] {
  const grown = last.peakRssBytes - before.peakRssBytes;
  const of = `from ${before.users.toLocaleString('en')} to ${last.users.toLocaleString('en')} users`;
  return [
    figureOf(
      {
        id: 'load/rss-growth',
        what: `growth of peak RSS ${of}`,
        unit: 'percent',
        goal: { atMost: GROWTH_GOAL_PERCENT },
      },
      [(grown / before.peakRssBytes) * 100],
    ),
    figureOf({ id: 'load/node-slope', what: `Node's CPU, each user more ${of}`, unit: 'µs/user' }, [
      (last.nodeMicros * last.users - before.nodeMicros * before.users) /
        (last.users - before.users),
    ]),
    figureOf({ id: 'load/rss-slope', what: `growth of peak RSS ${of}`, unit: 'bytes/user' }, [
      grown / (last.users - before.users),
    ]),
  ];
}

function speedOf({ users, parts }: Loaded): Figure {
  const first = parts[0] ?? Number.NaN;
  const last = parts.at(-1) ?? Number.NaN;
  const what = `users/s of the last tenth of ${users.toLocaleString('en')} over the first`;
  return figureOf({ id: 'load/last-over-first', what, unit: 'times', goal: { atLeast: 0.9 } }, [
    last / first,
  ]);
}

function memorySeries(loads: readonly Loaded[]): Series {
  const points = loads.map(({ users, peakRssBytes }) => ({ users, value: peakRssBytes / MB }));
  return { id: 'memory', what: 'peak RSS in MB', points };
}

function speedSeries({ users, parts }: Loaded): Series {
  const points = parts.map((value, at) => ({ users: (users * (at + 1)) / PARTS, value }));
  return { id: 'speed', what: 'users/s, each tenth of the largest load', points };
}
