import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';
import { compareWithSource, EQUAL, type RunningProgram, rowsOf, TOKEN } from '../support/sync.ts';
import {
  eventually,
  ownerOf,
  type RunRow,
  runsOf,
  startWorker,
  workerEnvironment,
} from '../support/workers.ts';

/** How often a worker is killed; a run over night sets it higher. */
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 2);
const NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve', 'fay'];
const USERS = 160;
const TAKE_OVER_MAX_MS = 60_000;

const FAULTS: FaultRule[] = [
  { answer: 'status500', match: { path: '/users', every: 11 } },
  { answer: 'reset', match: { path: '/users', every: 17 } },
  { answer: 'status503', match: { path: '/me', every: 3 } },
  { answer: 'cut', match: { path: '/users', every: 23 } },
];

let database: TestDatabase;
const simulators = new Map<string, Simulator>();
const workers = new Set<RunningProgram>();
beforeAll(async () => {
  database = await createEmptyDatabase();
  for (const [seed, name] of NAMES.entries()) {
    const faults = { rules: FAULTS.map((rule) => ({ ...rule })), latencyMs: 60 };
    const people = { users: USERS, seed: seed + 1, appId: `app${seed}`, token: TOKEN };
    simulators.set(name, await startSimulator({ ...people, faults }));
  }
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all([...workers].map(({ finished }) => finished));
  for (const simulator of simulators.values()) await simulator.close();
  await database.drop();
});

function start(): RunningProgram {
  // Every minute, so that there is always something to take over.
  const settings = { SYNC_SCHEDULE: '* * * * *', INTERCOM_PER_PAGE: '10' };
  const worker = startWorker(workerEnvironment(database.url, simulators, settings), [
    '--concurrency',
    '2',
  ]);
  workers.add(worker);
  return worker;
}

test('two workers share six workspaces against faults, and one is killed again and again: each workspace is exact, none is read twice at once, and what was left is taken over within a minute', {
  timeout: (2 + ROUNDS) * 60_000,
}, async () => {
  let victim = start();
  start();
  const lastLeft = new Map<string, bigint>();
  const takeOversMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const left = await eventually(() => runInHand(victim));
    victim.kill('SIGKILL');
    await victim.finished;
    workers.delete(victim);
    const killedAt = await now();
    change(simulatorOf(left.workspace), round);
    lastLeft.set(left.workspace, BigInt(left.id));
    victim = start();
    const next = await eventually(() => runAfter(left));
    takeOversMs.push(next.started_at.getTime() - killedAt.getTime());
  }
  await eventually(async () => expect(await succeededAfter(lastLeft)).toEqual(NAMES));

  for (const name of NAMES) {
    const simulator = simulatorOf(name);
    expect(await compareWithSource(database.url, simulator, name)).toEqual(EQUAL);
    expect(hasTwoReaders(simulator)).toBe(false);
  }
  expect(overlaps(await runsOf(database.url))).toEqual([]);
  expect(takeOversMs.filter((ms) => ms > TAKE_OVER_MAX_MS)).toEqual([]);
  for (const worker of workers) worker.kill('SIGTERM');
  for (const { finished } of workers) expect(await finished).toMatchObject({ code: 143 });
});

function simulatorOf(name: string): Simulator {
  const simulator = simulators.get(name);
  if (!simulator) throw new Error(`there is no workspace ${name}`);
  return simulator;
}

/** A run that has written a page and that the worker holds the lease of. */
async function runInHand(worker: RunningProgram): Promise<RunRow> {
  const [run] = await rowsOf<RunRow>(
    database.url,
    `select r.* from intercom.sync_runs r join intercom.sync_leases l using (workspace)
     where r.status = 'running' and l.owner = $1 and l.expires_at > clock_timestamp()
       and exists (select 1 from intercom.sync_checkpoints c where c.run_id = r.id)
     order by r.id limit 1`,
    [ownerOf(worker)],
  );
  if (!run) throw new Error(`nothing is in hand of ${ownerOf(worker)}`);
  return run;
}

async function runAfter({ id, workspace }: RunRow): Promise<RunRow> {
  const next = (await runsOf(database.url, workspace)).find((run) => BigInt(run.id) > BigInt(id));
  if (!next) throw new Error(`nobody has taken ${workspace} over`);
  return next;
}

/** The workspaces that were read to the end, and after they were left behind. */
async function succeededAfter(lastLeft: ReadonlyMap<string, bigint>): Promise<string[]> {
  const done = (await runsOf(database.url)).filter(
    (run) => run.status === 'succeeded' && BigInt(run.id) > (lastLeft.get(run.workspace) ?? 0n),
  );
  return [...new Set(done.map((run) => run.workspace))].sort();
}

async function now(): Promise<Date> {
  const [row] = await rowsOf<{ now: Date }>(database.url, 'select clock_timestamp() as now');
  return row?.now ?? new Date();
}

/** Old users and new ones, so that neither pass alone would do. */
function change({ workspace }: Simulator, round: number): void {
  for (const user of workspace.users().slice(round * 3, round * 3 + 3)) {
    workspace.update(String(user.id), { name: `renamed in round ${round}` });
  }
  workspace.create({ name: `created in round ${round}` });
}

/** Runs of one workspace that were going on at the same time. */
function overlaps(runs: readonly RunRow[]): string[] {
  return runs.flatMap((run) => {
    const next = runs.find(
      ({ id, workspace }) => workspace === run.workspace && BigInt(id) > BigInt(run.id),
    );
    if (!next) return [];
    return run.finished_at !== null && run.finished_at <= next.started_at
      ? []
      : [`runs ${run.id} and ${next.id} of ${run.workspace}`];
  });
}

/** A run asks for /me and then for pages that only go up; a second at once would mix its own in. */
function hasTwoReaders({ requests }: Simulator): boolean {
  let last = { page: 0, sort: '' };
  for (const { path, query } of requests) {
    if (path === '/me') last = { page: 0, sort: '' };
    if (path !== '/users') continue;
    const asked = { page: Number(query.get('page')), sort: query.get('sort') ?? '' };
    if (asked.sort === last.sort && asked.page < last.page) return true;
    last = asked;
  }
  return false;
}
