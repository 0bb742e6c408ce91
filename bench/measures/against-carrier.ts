import { type ChildRun, runChild } from '../child.ts';
import { figureOf, type Heading } from '../figures.ts';
import { cpuMsOfStart, expectCount, NODE_FLAGS, runProgram } from '../program.ts';
import type { CarrierOptions, CarrierReport } from '../rivals/carrier.ts';
import { type Api, type Measured, type Scene, startApi } from '../scene.ts';

const CARRIER_MAX_MS = 10 * 60_000;

/**
 * The program's own CPU against the least that any program for Node can need: to carry the pages from one
 * socket to the other. What is more than that is what the program does with them.
 */
export async function measureAgainstCarrier(scene: Scene): Promise<Measured> {
  const { users } = scene.sizes.carrier;
  const api = await startApi(scene, { users });
  const nobody = await startApi(scene, { users: 0 });
  const program: number[] = [];
  const carrier: number[] = [];
  const micros = (ms: number) => (ms * 1000) / users;
  for (let round = 1; round <= scene.sizes.rounds; round += 1) {
    scene.tell(`against a carrier: round ${round} of ${scene.sizes.rounds}`);
    const runs = [
      async () => program.push(micros(await cpuMsOfProgram(scene, api, users))),
      async () => {
        const startMs = await cpuMsOfCarrier(scene, nobody, 0);
        carrier.push(micros((await cpuMsOfCarrier(scene, api, users)) - startMs));
      },
    ];
    for (const run of round % 2 === 1 ? runs : runs.toReversed()) await run();
  }
  await api.stop();
  await nobody.stop();
  const heading = (key: string, what: string, unit: Heading['unit']): Heading => ({
    id: `carrier/${key}`,
    what: `Node's own CPU: ${what}`,
    unit,
  });
  const ratios = program.map((value, round) => value / (carrier[round] ?? Number.NaN));
  return {
    figures: [
      figureOf(heading('ratio', 'intercom-sync over a script that only carries', 'times'), ratios),
      figureOf(heading('program', 'intercom-sync', 'µs/user'), program),
      figureOf(heading('carrier', 'a script that only carries', 'µs/user'), carrier),
    ],
  };
}

async function cpuMsOfProgram(scene: Scene, api: Api, users: number): Promise<number> {
  const startMs = await cpuMsOfStart(scene);
  const database = await scene.postgres.createDatabase();
  await scene.postgres.settle();
  const run = await runProgram(scene, api, database, { mode: 'full' });
  expectCount(run, 'inserted', users);
  await database.drop();
  return run.cpuMs - startMs;
}

async function cpuMsOfCarrier(scene: Scene, api: Api, users: number): Promise<number> {
  const database = await scene.postgres.createDatabase();
  await scene.postgres.settle();
  const options: CarrierOptions = { apiUrl: api.url, databaseUrl: database.url };
  const { stdout, cpuMs }: ChildRun = await runChild({
    script: './rivals/carrier.ts',
    nodeFlags: NODE_FLAGS,
    args: [JSON.stringify(options)],
    env: {},
    maxMs: CARRIER_MAX_MS,
    signal: scene.signal,
  });
  const report: CarrierReport = JSON.parse(stdout);
  if (report.users !== users) throw new Error(`${report.users} users of ${users} were carried`);
  await database.drop();
  return cpuMs;
}
