import { describe, expect, test } from 'vitest';
import { Interrupted, SyncError } from '../../src/errors.ts';
import type { RunParts } from '../../src/sync/parts.ts';
import {
  type MemoryStore,
  memoryStore,
  NOW,
  pageOf,
  people,
  type Script,
  type Story,
  scriptedSource,
  tellRun,
} from '../support/memory-parts.ts';

const PASSES = {
  list: [[pageOf(people(2), 4), pageOf(people(2, 'v'), 4)]],
  updated: [[pageOf([{ id: 'u0' }], 4)]],
};

/** A run on a store of the test's own making. */
async function tell(store: MemoryStore, changes: Partial<RunParts> = {}, script: Script = {}) {
  const parts = { acquireStore: async () => store, ...changes };
  return tellRun({ passes: PASSES, ...script }, {}, {}, parts);
}

/** Does it when the page of this number has been written. */
function onPage(page: number, work: () => void): RunParts['progress'] {
  let pages = 0;
  const pageWritten = () => {
    pages += 1;
    if (pages === page) work();
  };
  return { passStarted() {}, pageWritten };
}

describe('the pages of a run', () => {
  test('are numbered from 1 through all passes, and keep where each goes on', async () => {
    const next = '/users?page=2';
    const [first, second] = PASSES.list[0] ?? [];
    if (!first || !second) throw new Error('no pages');
    const list = [[{ ...first, next }, second]];
    const { store } = await tellRun({ passes: { ...PASSES, list } });
    expect(store.pages.map(({ sequence, pass, next }) => [sequence, pass, next])).toEqual([
      [1, 'list', next],
      [2, 'list', null],
      [3, 'updated', null],
    ]);
  });

  test('tell the app once, where /me does not', async () => {
    const identity = { appId: null, date: NOW };
    const { report, story } = await tellRun({ identity, passes: PASSES });
    expect(report.error).toBeNull();
    expect(story.filter((step) => step === 'bind')).toHaveLength(1);
  });

  test('that hold a bad user, or text that had to be cleaned, are told of', async () => {
    const page = { ...pageOf([{ id: null }, { id: 'u0' }], 2), cleaned: 3 };
    const { log } = await tellRun({ passes: { ...PASSES, list: [[page]] } });
    expect(log.lines).toContainEqual({
      level: 'info',
      event: 'text_cleaned',
      fields: { characters: 3 },
    });
    expect(log.lines).toContainEqual({
      level: 'warn',
      event: 'users_rejected',
      fields: { rejected: 1 },
    });
  });
});

describe('a run that is over', () => {
  test.each([null, new SyncError('source', 'no answer')])(
    'lets its source go before it is written down: %o',
    async (error) => {
      const store = memoryStore({}, []);
      const told: boolean[] = [];
      let given: AbortSignal | null = null;
      const { finishRun } = store;
      store.finishRun = async (run) => {
        told.push(given?.aborted ?? false);
        return finishRun(run);
      };
      if (error) store.writePage = async () => Promise.reject(error);
      const openSource = (signal: AbortSignal) => {
        given = signal;
        expect(signal.aborted).toBe(false);
        return scriptedSource({ passes: PASSES }, []);
      };
      const { report } = await tell(store, { openSource });
      expect(report.error).toBe(error);
      expect(told).toEqual([true]);
    },
  );
});

describe('a run that loses its lease', () => {
  test('ends with that, and writes no further page', async () => {
    const story: Story = [];
    const store = memoryStore({}, story);
    const lost = new SyncError('busy', 'taken over');
    const { report } = await tell(store, { progress: onPage(1, () => store.loseLease(lost)) });
    expect(report.error).toBe(lost);
    expect(report.error).toMatchObject({ exitCode: 6 });
    expect(store.pages).toHaveLength(1);
    expect(story.at(-1)).toBe('release');
  });
});

describe('a run that is stopped', () => {
  test('with the last page of a pass begins no other', async () => {
    const stop = new AbortController();
    const interrupted = new Interrupted('SIGINT');
    const progress = onPage(2, () => stop.abort(interrupted));
    const store = memoryStore({}, []);
    const { report, story } = await tell(store, { progress, stop: stop.signal });
    expect(report.error).toBe(interrupted);
    expect(story).not.toContain('read updated');
  });
});

describe('a run whose end cannot be written down', () => {
  const away = new SyncError('database', 'away');
  const broken = () => {
    const store = memoryStore({}, []);
    store.finishRun = () => Promise.reject(away);
    return store;
  };

  test('has failed, though all was read', async () => {
    const { report, warned } = await tell(broken());
    expect(report.error).toBe(away);
    expect(warned).toEqual(['run_left_open']);
  });

  test('tells what ended it, where that was something else', async () => {
    const refused = new SyncError('credentials', 'no');
    const identity = () => {
      throw refused;
    };
    const { report, warned } = await tell(broken(), {}, { identity });
    expect(report.error).toBe(refused);
    expect(warned).toEqual(['run_left_open']);
  });
});
