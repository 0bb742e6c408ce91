import { runChild } from '../child.ts';
import { figureOf } from '../figures.ts';
import { runProgram } from '../program.ts';
import { type Measured, type Scene, startApi } from '../scene.ts';

const USERS = 100;
const NODE_MAX_MS = 60_000;

/** What it costs to look and find that there is nothing to do; and Node's own part of that. */
export async function measureColdStart(scene: Scene): Promise<Measured> {
  const { starts } = scene.sizes;
  const api = await startApi(scene, { users: USERS });
  const database = await scene.postgres.createDatabase();
  await runProgram(scene, api, database, { mode: 'full' });
  const walls: number[] = [];
  const cpus: number[] = [];
  const bare: number[] = [];
  for (let start = 1; start <= starts; start += 1) {
    scene.tell(`cold start: ${start} of ${starts}`);
    const run = await runProgram(scene, api, database, { mode: 'incremental' });
    walls.push(run.wallMs);
    cpus.push(run.cpuMs);
    const { signal } = scene;
    const nothing = { script: './nothing.js', args: [], env: {}, maxMs: NODE_MAX_MS, signal };
    bare.push((await runChild(nothing)).wallMs);
  }
  await database.drop();
  await api.stop();
  const what = 'cold start of sync with nothing to do';
  return {
    figures: [
      figureOf({ id: 'start/wall', what, unit: 'ms' }, walls),
      figureOf({ id: 'start/cpu', what: `${what}: CPU`, unit: 'ms' }, cpus),
      figureOf({ id: 'start/node', what: 'a Node that does nothing', unit: 'ms' }, bare),
    ],
  };
}
