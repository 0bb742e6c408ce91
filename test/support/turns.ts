import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { createLogProgress } from '../../src/cli/progress.ts';
import { type Environment, parseConfig } from '../../src/config.ts';
import { Interrupted } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import type { Notice } from '../../src/worker/notify.ts';
import type { WorkerObserver } from '../../src/worker/observer.ts';
import { createTurnTaker, type TurnTaker } from '../../src/worker/turn.ts';
import { type LogLine, parseLines, rowsOf } from './sync.ts';

export interface TurnTable extends TurnTaker {
  readonly notices: readonly Notice[];
  readonly stop: AbortController;
  /** What an observer was told, by name: the arguments, in the order of the calls. */
  readonly observed: Readonly<Record<keyof WorkerObserver, readonly unknown[][]>>;
  events(): LogLine[];
  /** Lets go of all that was noted so far. */
  forget(): void;
  /** As if the clock had gone on by so many hours since all runs so far. */
  hoursPass(hours: number): Promise<void>;
}

/** Hourly and weekly, with no tick for half an hour: none comes by itself while a test runs. */
export function quietSchedules(): Environment {
  const minute = (new Date().getUTCMinutes() + 30) % 60;
  return { SYNC_SCHEDULE: `${minute} * * * *`, SYNC_FULL_SCHEDULE: `${minute} 3 * * 0` };
}

/** Turns taken in this process, without a queue that says when; closed when the test is over. */
export function openTurns(env: Environment): TurnTable {
  const config = parseConfig({ ...quietSchedules(), ...env }, { intercom: true });
  const database = openDatabase(config.databaseUrl);
  onTestFinished(() => database.close());
  let output = '';
  const destination = new Writable({
    write(chunk, _, done) {
      output += chunk;
      done();
    },
  });
  const log = createLog({ level: 'info', isTerminal: false, destination });
  const stop = new AbortController();
  const notices: Notice[] = [];
  const observed = createRecord();
  const taker = createTurnTaker({
    ...{ config, database, log, stop: stop.signal },
    progressFor: createLogProgress,
    observer: recordingObserver(observed),
    notifier: { notify: (notice) => notices.push(notice), close: async () => {} },
  });
  return {
    ...taker,
    ...{ notices, stop, observed },
    events: () => parseLines(output),
    forget() {
      output = '';
      notices.length = 0;
      for (const calls of Object.values(observed)) calls.length = 0;
    },
    async hoursPass(hours) {
      await rowsOf(
        config.databaseUrl,
        'update intercom.sync_runs set started_at = started_at - make_interval(hours => $1)',
        [hours],
      );
    },
  };
}

export const STOPPED = new Interrupted('SIGTERM');

function createRecord(): Record<keyof WorkerObserver, unknown[][]> {
  return {
    requestAnswered: [],
    requestRetried: [],
    budgetLeft: [],
    runStarted: [],
    pageWritten: [],
    runFinished: [],
    leaseLost: [],
  };
}

function recordingObserver(record: Record<keyof WorkerObserver, unknown[][]>): WorkerObserver {
  const note =
    (name: keyof WorkerObserver) =>
    (...told: unknown[]) => {
      record[name].push(told);
    };
  return {
    requestAnswered: note('requestAnswered'),
    requestRetried: note('requestRetried'),
    budgetLeft: note('budgetLeft'),
    runStarted: note('runStarted'),
    pageWritten: note('pageWritten'),
    runFinished: note('runFinished'),
    leaseLost: note('leaseLost'),
  };
}
