import type { Edition } from '../api/people.ts';
import { makeCopyChunks, timeCopy } from '../copy.ts';
import { type Figure, figureIfTold, figureOf, type Goal, type Heading } from '../figures.ts';
import type { Watched } from '../postgres.ts';
import {
  cpuMsOfStart,
  expectCount,
  type ProgramRun,
  runProgram,
  usersPerSecond,
} from '../program.ts';
import { type Api, type Measured, type Scene, startApi } from '../scene.ts';
import type { Shape } from '../sizes.ts';

/** A state of the database in which the users are read. */
interface Load {
  readonly name: 'first' | 'unchanged' | 'changed';
  readonly what: string;
  readonly edition: Edition;
  readonly counts: 'inserted' | 'unchanged' | 'updated';
}

/** In this order, each finds what the one before has left. */
const LOADS: readonly Load[] = [
  { name: 'first', what: 'first load', edition: 0, counts: 'inserted' },
  { name: 'unchanged', what: 'nothing changed', edition: 0, counts: 'unchanged' },
  { name: 'changed', what: 'all changed', edition: 1, counts: 'updated' },
];

const GOALS: Readonly<Record<string, Goal>> = {
  'scroll/first': { atLeast: 0.8 },
  'scroll/unchanged': { atLeast: 1 },
};
const NODE_CPU_GOAL: Goal = { atMost: 20 };

/** What one load cost in one round, beside what a COPY of the same rows cost then. */
interface Taken {
  readonly copyUsersPerSecond: number;
  readonly usersPerSecond: number;
  readonly ratio: number;
  readonly nodeMicros: number;
  readonly backendMicros: number | null;
  readonly copyBackendMicros: number | null;
  readonly walBytes: number;
  readonly copyWalBytes: number;
}

/** The program end to end against the database's own limit: one COPY of the same rows. */
export async function measureAgainstCopy(scene: Scene): Promise<Measured> {
  const figures: Figure[] = [];
  for (const shape of scene.sizes.shapes) {
    const taken = await takeRounds(scene, shape);
    for (const load of LOADS) {
      figures.push(
        ...figuresOf(
          shape,
          load,
          taken.map((round) => round[load.name]),
        ),
      );
    }
  }
  return { figures };
}

type Round = Readonly<Record<Load['name'], Taken>>;

async function takeRounds(scene: Scene, shape: Shape): Promise<Round[]> {
  const { users, perPage } = shape;
  const apis = [
    await startApi(scene, { users, perPage, edition: 0 }),
    await startApi(scene, { users, perPage, edition: 1 }),
  ] as const;
  const chunks = [makeCopyChunks(users, 0), makeCopyChunks(users, 1)] as const;
  const rounds: Round[] = [];
  for (let round = 1; round <= scene.sizes.rounds; round += 1) {
    scene.tell(`against COPY: ${nameOf(shape)}, round ${round} of ${scene.sizes.rounds}`);
    rounds.push(await takeRound(scene, shape, apis, chunks, round % 2 === 0));
  }
  for (const api of apis) await api.stop();
  return rounds;
}

async function takeRound(
  scene: Scene,
  shape: Shape,
  apis: readonly [Api, Api],
  chunks: readonly [Buffer[], Buffer[]],
  isCopyFirst: boolean,
): Promise<Round> {
  const { postgres } = scene;
  const ours = await postgres.createDatabase();
  const theirs = await postgres.createDatabase();
  await postgres.settle();
  const sync = (edition: Edition) => () =>
    runProgram(scene, apis[edition], ours, {
      mode: 'full',
      ...(shape.how === 'list' ? { perPage: shape.perPage } : {}),
    });
  const copy = (edition: Edition) => () => timeCopy(theirs, chunks[edition], shape.users);
  const taken: { [name in Load['name']]?: Taken } = {};
  const startCpuMs = await cpuMsOfStart(scene);
  for (const { name, edition, counts } of LOADS) {
    const copiedBefore = isCopyFirst ? await postgres.watch(copy(edition)) : null;
    const synced = await postgres.watch(sync(edition));
    const copied = copiedBefore ?? (await postgres.watch(copy(edition)));
    expectCount(synced.result, counts, shape.users);
    taken[name] = takenOf(shape.users, synced, copied, startCpuMs);
  }
  await ours.drop();
  await theirs.drop();
  return taken as Round;
}

function takenOf(
  users: number,
  synced: Watched<ProgramRun>,
  copied: Watched<number>,
  startCpuMs: number,
): Taken {
  const ours = usersPerSecond(users, synced.result.report.duration_ms);
  const theirs = usersPerSecond(users, copied.result);
  const micros = (ms: number | null) => (ms === null ? null : (ms * 1000) / users);
  return {
    copyUsersPerSecond: theirs,
    usersPerSecond: ours,
    ratio: ours / theirs,
    nodeMicros: ((synced.result.cpuMs - startCpuMs) * 1000) / users,
    backendMicros: micros(synced.cpuMs),
    copyBackendMicros: micros(copied.cpuMs),
    walBytes: synced.walBytes / users,
    copyWalBytes: copied.walBytes / users,
  };
}

function figuresOf(shape: Shape, load: Load, rounds: readonly Taken[]): Figure[] {
  const heading = (key: string, what: string, unit: Heading['unit'], goal?: Goal): Heading => ({
    id: `copy/${shape.how}-${shape.perPage}/${load.name}/${key}`,
    what: `${load.what} by ${nameOf(shape)}: ${what}`,
    unit,
    goal,
  });
  const of = <K extends keyof Taken>(key: K) => rounds.map((round) => round[key]);
  const isFirstScroll = shape.how === 'scroll' && load.name === 'first';
  return [
    figureOf(
      heading('ratio', 'end to end over COPY', 'times', GOALS[`${shape.how}/${load.name}`]),
      of('ratio'),
    ),
    figureOf(heading('users', 'end to end', 'users/s'), of('usersPerSecond')),
    figureOf(heading('copy', 'COPY', 'users/s'), of('copyUsersPerSecond')),
    figureOf(
      heading('node', "Node's own CPU", 'µs/user', isFirstScroll ? NODE_CPU_GOAL : undefined),
      of('nodeMicros'),
    ),
    ...figureIfTold(heading('backend', "Postgres's CPU", 'µs/user'), of('backendMicros')),
    ...figureIfTold(
      heading('copy-backend', "Postgres's CPU for COPY", 'µs/user'),
      of('copyBackendMicros'),
    ),
    figureOf(heading('wal', 'WAL', 'bytes/user'), of('walBytes')),
    figureOf(heading('copy-wal', 'WAL of COPY', 'bytes/user'), of('copyWalBytes')),
  ];
}

export function nameOf({ how, perPage }: Pick<Shape, 'how' | 'perPage'>): string {
  return `${how}, ${perPage} a page`;
}
