import { Interrupted, SyncError } from '../../src/errors.ts';
import type { LeasedStore } from '../../src/sync/store.ts';
import { rowsOf } from '../support/sync.ts';
import type { FinishedRun, MovingSource } from './moving-source.ts';

export type Mode = 'auto' | 'full' | 'incremental';

/** A run that is held before each request and before its end, with all that it read written. */
export interface GatedRun {
  /** What came of it, null while it goes on. */
  readonly outcome: () => FinishedRun | null;
  /** Lets it go on by one request, and waits until the run is held again or has ended. */
  step(): Promise<void>;
  /** Lets all requests through. */
  finish(): Promise<FinishedRun>;
  /** As a signal does: what was read is kept, and the run is marked as interrupted. */
  stop(): Promise<FinishedRun>;
  /** As `kill -9` does: nothing is written any more, and the lease expires. */
  crash(): Promise<FinishedRun>;
  /** Another takes the lease away and keeps it until this run has found out. */
  loseLease(): Promise<FinishedRun>;
}

export async function beginGatedRun(source: MovingSource, mode: Mode): Promise<GatedRun> {
  const stopping = new AbortController();
  let isOpen = false;
  let isDead = false;
  let letThrough: (() => void) | null = null;
  let writing = 0;
  let outcome: FinishedRun | null = null;
  let wake = () => {};

  async function hold(): Promise<void> {
    if (isOpen) return;
    await new Promise<void>((resolve) => {
      letThrough = resolve;
      wake();
    });
  }
  const removeGate = source.simulator.onRequest(hold);
  const watched = (store: LeasedStore): LeasedStore => ({
    ...store,
    async writePage(page) {
      writing += 1;
      try {
        return await refuseIfDead(() => store.writePage(page));
      } finally {
        writing -= 1;
        wake();
      }
    },
    async finishRun(run) {
      await hold();
      return refuseIfDead(() => store.finishRun(run));
    },
  });
  async function refuseIfDead<T>(work: () => Promise<T>): Promise<T> {
    if (isDead) throw new SyncError('database', 'the dead write nothing');
    return work();
  }

  const request = { mode, allowMassDelete: true };
  const options = { perPage: PER_PAGE, stop: stopping.signal, wrapStore: watched };
  const ended = source.sync(request, options).then((finished) => {
    outcome = finished;
    removeGate();
    wake();
    return finished;
  });

  async function untilHeld(): Promise<void> {
    while (outcome === null && (letThrough === null || writing > 0)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function openGate(): void {
    const release = letThrough;
    letThrough = null;
    release?.();
  }

  async function end(): Promise<FinishedRun> {
    isOpen = true;
    openGate();
    return ended;
  }

  await untilHeld();
  return {
    outcome: () => outcome,
    async step() {
      openGate();
      await untilHeld();
    },
    finish: end,
    async stop() {
      stopping.abort(new Interrupted('SIGTERM'));
      return end();
    },
    async crash() {
      isDead = true;
      stopping.abort(new Interrupted('SIGTERM'));
      return end();
    },
    async loseLease() {
      const setLease = (owner: string, life: string) =>
        rowsOf(
          source.databaseUrl,
          `update intercom.sync_leases set fence = fence + 1, owner = $1,
            expires_at = clock_timestamp() + $2::interval`,
          [owner, life],
        );
      await setLease('successor', '1 hour');
      const finished = await end();
      await setLease('successor', '0 s');
      return finished;
    },
  };
}

/** Small, so that few users make many pages. */
export const PER_PAGE = 10;
