import { type Job, type JobResult, PgBoss } from 'pg-boss';
import type { WorkspaceSchedule } from '../config-worker.ts';
import type { Cron } from '../cron.ts';
import { translateDriverError } from '../postgres/faults.ts';
import type { QueueReport, Turn, TurnEnd, TurnQueue } from './turns.ts';

/**
 * When a workspace's turn comes and which worker has it; pg-boss is used here and nowhere else. What
 * is due and what was done is not known here: of that `sync_runs` tells.
 */
export interface TurnQueueOptions {
  readonly url: string;
  readonly schedules: readonly WorkspaceSchedule[];
  /** Turns that this process takes at once. */
  readonly concurrency: number;
  takeTurn(turn: Turn): Promise<TurnEnd>;
  /** Told what went wrong behind the scenes; the queue goes on by itself. */
  onFault(fault: unknown): void;
}

const SCHEMA = 'intercom_queue';
const TURNS = 'turns';
const DEAD_LETTERS = 'dead-letters';

/** What pg-boss wants beside the turns in hand: it polls, beats and looks after the queue. */
const SPARE_CONNECTIONS = 2;
const CONNECT_MAX_MS = 10_000;
/** A frozen socket is noticed by this alone. */
const ANSWER_MAX_MS = 30_000;
const POLL_SECONDS = 3;
/** A worker that was killed is missed after so long, by whoever looks every so often. */
const HEARTBEAT_SECONDS = 10;
const LOOK_SECONDS = 4;
/** A tick is seen so long after it at the latest, and sent on so soon after that. */
const TICKS_LOOKED_FOR_SECONDS = 10;
const TICKS_SENT_SECONDS = 5;
/** Each worker that dies with a turn in hand, or hands it back, uses up one. */
const DEATHS_MAX = 100;
/** The longest that pg-boss allows; a run that takes longer goes on, and its turn finds it busy. */
const TURN_MAX_SECONDS = 86_400;
const DONE_KEPT_SECONDS = 3_600;
const GIVEN_UP_KEPT_SECONDS = 90 * 86_400;
const HOUSEKEEPING_SECONDS = 900;
/** Jobs that wait for other jobs: there are none. */
const NO_FLOWS_SECONDS = 3_600;

/** Throws what the database said, in our words; what was begun is taken back. */
export async function openTurnQueue(options: TurnQueueOptions): Promise<TurnQueue> {
  const boss = createBoss(options.url, options.concurrency + SPARE_CONNECTIONS, true);
  boss.on('error', (error) => options.onFault(translateFault(error)));
  try {
    await boss.start();
    await makeQueues(boss);
    await writeSchedules(boss, options.schedules);
    await boss.work<Turn>(
      TURNS,
      {
        pollingIntervalSeconds: POLL_SECONDS,
        localConcurrency: options.concurrency,
        perJobResults: true,
      },
      async (jobs) => Promise.all(jobs.map((job) => takeJob(boss, job, options))),
    );
  } catch (error) {
    await boss.stop({ graceful: false }).catch(() => {});
    throw translateDriverError(error);
  }
  return {
    ask: (workspace) => askNow(boss, workspace),
    close: (drainMaxMs) => boss.stop({ graceful: true, timeout: drainMaxMs }),
  };
}

/** Null where no worker of this version ever ran. Only looks, and leaves nothing behind. */
export async function readTurnQueue(url: string): Promise<QueueReport | null> {
  const boss = createBoss(url, 1, false);
  boss.on('error', () => {});
  try {
    await boss.start();
  } catch {
    await boss.stop({ graceful: false }).catch(() => {});
    return null;
  }
  try {
    const instances = await boss.getInstances();
    const letters = await boss.findJobs<Turn>(DEAD_LETTERS);
    return {
      workers: instances.filter(({ live }) => live).length,
      schedules: await readSchedules(boss),
      givenUp: letters.map(({ data, createdOn }) => ({
        workspace: data.workspace,
        at: createdOn,
      })),
    };
  } catch (error) {
    throw translateDriverError(error);
  } finally {
    await boss.stop({ graceful: false }).catch(() => {});
  }
}

function createBoss(url: string, connectionsMax: number, isWorking: boolean): PgBoss {
  const connection = {
    connectionString: url,
    application_name: 'intercom-sync queue',
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_MAX_MS,
    // Handed on to the driver.
    query_timeout: ANSWER_MAX_MS,
    keepAlive: true,
  };
  return new PgBoss({
    ...connection,
    schema: SCHEMA,
    migrate: isWorking,
    schedule: isWorking,
    supervise: isWorking,
    registerInstance: isWorking,
    superviseIntervalSeconds: LOOK_SECONDS,
    monitorIntervalSeconds: LOOK_SECONDS,
    cronMonitorIntervalSeconds: TICKS_LOOKED_FOR_SECONDS,
    cronWorkerIntervalSeconds: TICKS_SENT_SECONDS,
    maintenanceIntervalSeconds: HOUSEKEEPING_SECONDS,
    flowIntervalSeconds: NO_FLOWS_SECONDS,
    // PgBouncer's transaction pooling knows no LISTEN.
    useListenNotify: false,
  });
}

/** What pg-boss emits are copies of errors, and no errors any more. */
function translateFault(fault: unknown): unknown {
  const isCopy = typeof fault === 'object' && fault !== null && !(fault instanceof Error);
  return translateDriverError(isCopy ? Object.assign(new Error(), fault) : fault);
}

async function makeQueues(boss: PgBoss): Promise<void> {
  const deadLetters = { retentionSeconds: GIVEN_UP_KEPT_SECONDS };
  const turns = {
    deadLetter: DEAD_LETTERS,
    retryLimit: DEATHS_MAX,
    // What is retried here is a turn whose worker died: the next one takes over at once.
    retryDelay: 0,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    expireInSeconds: TURN_MAX_SECONDS,
    deleteAfterSeconds: DONE_KEPT_SECONDS,
  };
  await boss.createQueue(DEAD_LETTERS, deadLetters);
  // With the workspace as its key: one turn at a time that waits or is in hand.
  await boss.createQueue(TURNS, { ...turns, policy: 'exclusive' });
  // They may be there from an earlier version that set them otherwise.
  await boss.updateQueue(DEAD_LETTERS, deadLetters);
  await boss.updateQueue(TURNS, turns);
}

/** Every worker writes the same ones; those of workspaces that are gone are taken away. */
async function writeSchedules(
  boss: PgBoss,
  schedules: readonly WorkspaceSchedule[],
): Promise<void> {
  const keys = new Set<string>();
  for (const { workspace, incremental, full } of schedules) {
    for (const [key, cron] of [
      [workspace, incremental],
      [fullKey(workspace), full],
    ] as const) {
      keys.add(key);
      await boss.schedule(TURNS, cron.expression, { workspace, failures: 0 } satisfies Turn, {
        key,
        tz: cron.timeZone,
        singletonKey: workspace,
        missed: 'once',
      });
    }
  }
  for (const { key } of await boss.getSchedules(TURNS)) {
    if (!keys.has(key)) await boss.unschedule(TURNS, key);
  }
}

async function readSchedules(boss: PgBoss): Promise<WorkspaceSchedule[]> {
  const crons = new Map<string, Cron>();
  for (const { key, cron, timezone } of await boss.getSchedules(TURNS)) {
    crons.set(key, { expression: cron, timeZone: timezone });
  }
  return [...crons].flatMap(([workspace, incremental]) => {
    const full = crons.get(fullKey(workspace));
    return full ? [{ workspace, incremental, full }] : [];
  });
}

/** No workspace has such a name. */
function fullKey(workspace: string): string {
  return `${workspace}/full`;
}

async function takeJob(
  boss: PgBoss,
  job: Job<Turn>,
  { takeTurn }: TurnQueueOptions,
): Promise<JobResult> {
  const { workspace, failures } = job.data;
  const end = await takeTurn({ workspace, failures });
  switch (end.kind) {
    case 'done':
      if (end.hasSucceeded) await forgetGivenUp(boss, workspace);
      return { id: job.id, status: 'completed' };
    case 'handed back':
      return { id: job.id, status: 'failed', output: null };
    case 'given up':
      return { id: job.id, status: 'deadletter', output: { message: end.message } };
    case 'again':
      // This one has to be over before the next is let in, and is not ours to end if another worker
      // has it by now. A worker that dies in between loses the early retry alone: the next tick, or
      // the next start, finds what is due.
      await boss.complete(TURNS, job);
      await sendTurn(boss, { workspace, failures: end.failures }, end.afterSeconds);
      return { id: job.id, status: 'completed' };
  }
}

async function forgetGivenUp(boss: PgBoss, workspace: string): Promise<void> {
  const letters = await boss.findJobs<Turn>(DEAD_LETTERS, { key: workspace });
  const ids = letters.map(({ id }) => id);
  if (ids.length > 0) await boss.deleteJob(DEAD_LETTERS, ids);
}

/** Sends nothing where there is a turn already; one that waits to be tried again need not wait on. */
async function askNow(boss: PgBoss, workspace: string): Promise<void> {
  const turn: Turn = { workspace, failures: 0 };
  try {
    const sent = await sendTurn(boss, turn, 0);
    if (!sent) await boss.update(TURNS, turn, { singletonKey: workspace, startAfter: 0 });
  } catch (error) {
    throw translateDriverError(error);
  }
}

/** False where a turn of the workspace waits or is in hand. */
async function sendTurn(boss: PgBoss, turn: Turn, afterSeconds: number): Promise<boolean> {
  const options = { singletonKey: turn.workspace, startAfter: afterSeconds };
  return (await boss.send(TURNS, turn, options)) !== null;
}
