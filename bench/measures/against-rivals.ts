import { runChild } from '../child.ts';
import { makeCopyChunks, timeCopy } from '../copy.ts';
import { type Figure, figureOf } from '../figures.ts';
import { expectCount, runProgram, usersPerSecond } from '../program.ts';
import type { RivalOptions, RivalReport } from '../rivals/main.ts';
import { installOfficialClient, OFFICIAL_CLIENT } from '../rivals/official-client.ts';
import { createRivalTables } from '../rivals/table.ts';
import { type Api, type Measured, type Scene, startApi } from '../scene.ts';

/** Something that loads the users of the scroll into an empty table, in users a second. */
interface Runner {
  readonly name: string;
  readonly what: string;
  load(): Promise<number>;
}

const RIVAL_MAX_MS = 10 * 60_000;
const OURS = 'program';
const VALUES = 'values';

/** The program against what people would write: the same users into the same columns, page by page. */
export async function measureAgainstRivals(scene: Scene): Promise<Measured> {
  const { users, hasOfficialClient } = scene.sizes.rivals;
  const api = await startApi(scene, { users });
  const client = hasOfficialClient ? await installOfficialClient(scene.signal) : null;
  if (client) scene.defer(client.remove);
  const runners = runnersOf(scene, api, users, client?.folder ?? null);
  const taken = new Map<string, number[]>(runners.map(({ name }) => [name, []]));
  for (let round = 1; round <= scene.sizes.rounds; round += 1) {
    // There and back, so that nobody is always the first.
    for (const runner of round % 2 === 1 ? runners : runners.toReversed()) {
      scene.tell(`rivals: ${runner.what}, round ${round} of ${scene.sizes.rounds}`);
      await scene.postgres.settle();
      taken.get(runner.name)?.push(await runner.load());
    }
  }
  await api.stop();
  const isMissing = hasOfficialClient && client === null;
  return {
    figures: figuresOf(runners, taken),
    notes: isMissing ? [`${OFFICIAL_CLIENT} could not be installed, so it was not measured`] : [],
  };
}

function runnersOf(
  scene: Scene,
  api: Api,
  users: number,
  clientFolder: string | null,
): readonly Runner[] {
  const chunks = makeCopyChunks(users, 0);
  const rival = (
    name: string,
    what: string,
    how: Pick<RivalOptions, 'writer' | 'clientFolder'>,
  ) => ({
    name,
    what,
    load: () => loadByRival(scene, api, users, how),
  });
  const plain = { clientFolder: null };
  return [
    { name: 'copy', what: 'COPY in one transaction', load: () => loadByCopy(scene, chunks, users) },
    { name: OURS, what: 'intercom-sync', load: () => loadByProgram(scene, api, users) },
    rival(VALUES, "Drizzle's values(), a page at once", { ...plain, writer: 'values' }),
    rival('one-by-one', 'one INSERT a user', { ...plain, writer: 'one by one' }),
    ...(clientFolder === null
      ? []
      : [
          rival('official', `${OFFICIAL_CLIENT}, values()`, {
            clientFolder,
            writer: 'values',
          }),
        ]),
  ];
}

async function loadByCopy(
  { postgres }: Scene,
  chunks: readonly Buffer[],
  users: number,
): Promise<number> {
  const database = await postgres.createDatabase();
  const ms = await timeCopy(database, chunks, users);
  await database.drop();
  return usersPerSecond(users, ms);
}

async function loadByProgram(scene: Scene, api: Api, users: number): Promise<number> {
  const database = await scene.postgres.createDatabase();
  const run = await runProgram(scene, api, database, { mode: 'full' });
  expectCount(run, 'inserted', users);
  await database.drop();
  return usersPerSecond(users, run.report.duration_ms);
}

async function loadByRival(
  scene: Scene,
  api: Api,
  users: number,
  how: Pick<RivalOptions, 'writer' | 'clientFolder'>,
): Promise<number> {
  const database = await scene.postgres.createDatabase();
  await createRivalTables(database);
  const options: RivalOptions = { apiUrl: api.url, databaseUrl: database.url, ...how };
  const { stdout } = await runChild({
    script: './rivals/main.ts',
    args: [JSON.stringify(options)],
    env: {},
    maxMs: RIVAL_MAX_MS,
    signal: scene.signal,
  });
  const report: RivalReport = JSON.parse(stdout);
  if (report.users !== users) throw new Error(`a rival read ${report.users} users of ${users}`);
  await database.drop();
  return usersPerSecond(users, report.durationMs);
}

function figuresOf(
  runners: readonly Runner[],
  taken: ReadonlyMap<string, readonly number[]>,
): Figure[] {
  const ours = taken.get(OURS) ?? [];
  const copy = taken.get('copy') ?? [];
  const over = (a: readonly number[], b: readonly number[]) =>
    a.map((value, round) => value / (b[round] ?? Number.NaN));
  return runners.flatMap(({ name, what }) => {
    const speeds = taken.get(name) ?? [];
    const figures = [figureOf({ id: `rivals/${name}/users`, what, unit: 'users/s' }, speeds)];
    if (name !== 'copy') {
      const id = `rivals/${name}/of-copy`;
      figures.push(figureOf({ id, what: `${what}, over COPY`, unit: 'times' }, over(speeds, copy)));
    }
    if (name === 'copy' || name === OURS) return figures;
    const goal = name === VALUES ? { goal: { atLeast: 3 } } : {};
    const heading = { id: `rivals/${name}/ours-over`, what: `intercom-sync over ${what}` };
    figures.push(figureOf({ ...heading, unit: 'times', ...goal }, over(ours, speeds)));
    return figures;
  });
}
