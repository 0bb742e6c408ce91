import { type Figure, figureOf } from '../figures.ts';
import { expectCount, runProgram } from '../program.ts';
import { type Measured, type Scene, startApi } from '../scene.ts';

const PER_PAGE = 50;
/** Beside its pages a run asks who the token is of, and for what was updated meanwhile. */
const OTHER_CALLS = 2;

/** How much longer a run takes than its calls would, one after another, if all else cost nothing. */
export async function measureLatency(scene: Scene): Promise<Measured> {
  const figures: Figure[] = [];
  for (const { latencyMs, calls } of scene.sizes.latencies) {
    const users = (calls - OTHER_CALLS) * PER_PAGE;
    const ratios: number[] = [];
    for (let round = 1; round <= roundsFor(scene); round += 1) {
      scene.tell(`latency of ${latencyMs} ms: round ${round} of ${roundsFor(scene)}`);
      ratios.push(await takeRound(scene, latencyMs, users));
    }
    const what = `wall over calls × latency, at ${latencyMs} ms a call`;
    const goal = latencyMs === 100 ? { goal: { atMost: 1.05 } } : {};
    figures.push(figureOf({ id: `latency/${latencyMs}`, what, unit: 'times', ...goal }, ratios));
  }
  return { figures };
}

/** Most of such a run is waiting, which the machine's mood hardly touches. */
function roundsFor({ sizes }: Scene): number {
  return Math.min(3, sizes.rounds);
}

async function takeRound(scene: Scene, latencyMs: number, users: number): Promise<number> {
  const api = await startApi(scene, { users, perPage: PER_PAGE, latencyMs });
  const database = await scene.postgres.createDatabase();
  const run = await runProgram(scene, api, database, { mode: 'full', perPage: PER_PAGE });
  expectCount(run, 'inserted', users);
  await database.drop();
  const { calls } = await api.stop();
  return run.report.duration_ms / (calls * latencyMs);
}
