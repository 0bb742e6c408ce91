import { expect, test } from 'vitest';
import { newTally } from '../../src/sync/report.ts';
import { sweepDeleted } from '../../src/sync/sweep.ts';
import {
  memoryStore,
  NOW,
  recordingLog,
  type Script,
  type Story,
  scriptedSource,
} from '../support/memory-parts.ts';

const ids = (count: number) => Array.from({ length: count }, (_, index) => `u${1000 + index}`);

/** Sweeps a store of live users of whom a run saw all but the first so many. */
async function sweep(
  { live, unseen }: { live: number; unseen: number },
  script: Script = {},
  changes: { massDeleteLimit?: number; allowMassDelete?: boolean } = {},
) {
  const story: Story = [];
  const all = ids(live);
  const store = memoryStore({ live: all, inherited: all.slice(unseen) }, story);
  let counted = 0;
  store.countLiveUsers = async () => {
    counted += 1;
    return store.live.size;
  };
  const log = recordingLog();
  const tally = newTally('default');
  await sweepDeleted({
    tally,
    runId: '42',
    store,
    source: scriptedSource(script, story),
    log,
    massDeleteLimit: 0.1,
    allowMassDelete: false,
    plausibleUntil: () => NOW,
    ...changes,
  });
  const events = log.lines.map(({ event }) => event);
  return { deleted: tally.deleted, story, store, counted, events };
}

test('who was not seen is asked for, one by one, before any is marked', async () => {
  const { deleted, story, store } = await sweep({ live: 30, unseen: 3 });
  expect(story).toEqual(['ask u1000', 'ask u1001', 'ask u1002', 'delete 3']);
  expect(deleted).toBe(3);
  expect(store.live.size).toBe(27);
});

test('who answers is written, and not deleted', async () => {
  const { deleted, story, store } = await sweep(
    { live: 30, unseen: 3 },
    { gone: (id) => id !== 'u1001' },
  );
  expect(deleted).toBe(2);
  expect(story).toContain('hydrate');
  expect(store.hydrated[0]?.chosen).toEqual([{ position: 0, id: 'u1001', isRepeat: false }]);
  expect(store.live.has('u1001')).toBe(true);
});

test('who cannot be asked for is kept, and told of without a name', async () => {
  const story: Story = [];
  const store = memoryStore({ live: ['scroll'] }, story);
  const log = recordingLog();
  const tally = newTally('default');
  const source = { ...scriptedSource({}, story), user: async () => 'unaskable' as const };
  await sweepDeleted({
    tally,
    runId: '42',
    store,
    source,
    log,
    massDeleteLimit: 1,
    allowMassDelete: true,
    plausibleUntil: () => NOW,
  });
  expect(tally.deleted).toBe(0);
  expect(store.live.has('scroll')).toBe(true);
  expect(log.lines).toEqual([{ level: 'warn', event: 'user_not_askable', fields: {} }]);
});

test('where all were seen nobody is asked for', async () => {
  expect((await sweep({ live: 30, unseen: 0 })).story).toEqual([]);
});

test.each([
  // More than the larger of 20 and the share of those who live: none is marked.
  [30, 20, 0.1, 20],
  [30, 21, 0.1, 0],
  [400, 40, 0.1, 40],
  [400, 41, 0.1, 0],
  [400, 20, 0, 20],
  [400, 21, 0, 0],
  [450, 450, 1, 450],
])(
  'of %i users %i gone, with a limit of %d, %i are marked',
  async (live, unseen, share, marked) => {
    const { deleted, store, events } = await sweep(
      { live, unseen },
      {},
      { massDeleteLimit: share },
    );
    expect(deleted).toBe(marked);
    expect(store.live.size).toBe(live - marked);
    expect(events).toEqual(marked === unseen ? [] : ['mass_delete_refused']);
  },
);

test.each([
  [20, 0],
  [21, 1],
])('with %i gone those who live are counted %i times, however many answer', async (gone, times) => {
  const isGone = (id: string) => id < `u${1000 + gone}`;
  const { counted, deleted } = await sweep(
    { live: 300, unseen: 200 },
    { gone: isGone },
    { massDeleteLimit: 1 },
  );
  expect(counted).toBe(times);
  expect(deleted).toBe(gone);
});

test('a mass delete that is allowed marks them all', async () => {
  const { deleted, events } = await sweep(
    { live: 450, unseen: 450 },
    {},
    { allowMassDelete: true },
  );
  expect(deleted).toBe(450);
  expect(events).toEqual([]);
});

test('a sweep that is broken off has told how many it marked', async () => {
  const story: Story = [];
  const store = memoryStore({ live: ids(450) }, story);
  const { markDeleted } = store;
  store.markDeleted = async (runId, some) => {
    if (story.includes('delete 200')) throw new Error('broken off');
    return markDeleted(runId, some);
  };
  const tally = newTally('default');
  const sweeping = sweepDeleted({
    tally,
    runId: '42',
    store,
    source: scriptedSource({}, story),
    log: recordingLog(),
    massDeleteLimit: 1,
    allowMassDelete: false,
    plausibleUntil: () => NOW,
  });
  await expect(sweeping).rejects.toThrow('broken off');
  expect(tally.deleted).toBe(200);
});
