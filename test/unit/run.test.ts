import { describe, expect, test } from 'vitest';
import { Interrupted, SyncError } from '../../src/errors.ts';
import { reportToJson } from '../../src/sync/report.ts';
import type { UnfinishedRun } from '../../src/sync/store.ts';
import { limit, memoryStore, NOW, pageOf, people, tellRun } from '../support/memory-parts.ts';

const fail = (error: unknown) => () => {
  throw error;
};
const DAY_MS = 86_400_000;
const KNOWN = { watermark: new Date(NOW.getTime() - DAY_MS), lastFullRunAt: NOW };
const seconds = (fromNow: number) => NOW.getTime() / 1000 + fromNow;
/** A list of so many, and a front of the updated pass that counts so many. */
const whole = (listed: number, counted: number | null = listed) => ({
  list: [[pageOf(people(listed), listed)]],
  updated: [[pageOf([{ id: 'u0' }], counted)], [pageOf([{ id: 'u0' }], counted)]],
});

describe('the story of a run', () => {
  test('is lease, /me, list, updated, count, finish, in this order', async () => {
    const { report, story } = await tellRun({ passes: whole(30) });
    expect(report.error).toBeNull();
    expect(story).toEqual([
      ...['lease', 'start', 'identify', 'bind'],
      ...['read list', 'write list', 'read updated', 'write updated'],
      ...['finish succeeded', 'prune', 'release'],
    ]);
  });

  test('is created and updated where it is incremental, and nothing is swept', async () => {
    const { story, source, report } = await tellRun({}, { state: KNOWN, live: ['gone'] });
    expect(source.asked.map(({ name }) => name)).toEqual(['created', 'updated']);
    expect(story.filter((step) => step.startsWith('ask'))).toEqual([]);
    expect(report).toMatchObject({ mode: 'incremental', error: null });
  });

  test('counts what was read, and each of it once', async () => {
    const page = pageOf([{ id: 'a' }, { id: 'a' }, { id: null }, { id: 'b' }], 2);
    const { report } = await tellRun({
      passes: { list: [[page]], updated: [[pageOf([{ id: 'b' }], 2)]] },
    });
    expect(reportToJson(report)).toMatchObject({
      status: 'succeeded',
      pages: 2,
      users_read: 5,
      inserted: 2,
      updated: 0,
      unchanged: 0,
      duplicates: 2,
      rejected: 1,
      error_kind: null,
    });
  });
});

test('a run that succeeded is no failure because old runs could not be let go', async () => {
  const store = memoryStore({}, []);
  store.prune = fail(new SyncError('database', 'away'));
  const { report, warned } = await tellRun(
    { passes: whole(30) },
    {},
    {},
    { acquireStore: async () => store },
  );
  expect(report.error).toBeNull();
  expect(store.finished).toMatchObject([{ status: 'succeeded' }]);
  expect(warned).toEqual(['prune_failed']);
});

describe('a run that cannot begin', () => {
  test('because another holds the lease exits 6, and asks Intercom nothing', async () => {
    const acquireStore = async () => fail(new SyncError('busy', 'held'))();
    const { report, story } = await tellRun({}, {}, {}, { acquireStore });
    expect(report.error).toMatchObject({ exitCode: 6 });
    expect(reportToJson(report)).toMatchObject({
      status: 'failed',
      error_kind: 'busy',
      run_id: null,
    });
    expect(story).toEqual([]);
  });

  test('because the token is refused ends with /me', async () => {
    const { report, story, store } = await tellRun({
      identity: fail(new SyncError('credentials', 'no')) as () => never,
    });
    expect(report.error).toMatchObject({ exitCode: 3 });
    expect(story).toEqual(['lease', 'start', 'identify', 'finish failed', 'release']);
    expect(store.finished[0]).toMatchObject({ watermark: null, errorKind: 'credentials' });
  });

  test("because the token is another app's exits 2 before a user is read", async () => {
    const { report, story } = await tellRun({}, { state: { appId: 'otherapp' } });
    expect(report.error).toMatchObject({ exitCode: 2 });
    expect(story.some((step) => step.startsWith('read'))).toBe(false);
  });

  test("because its users are another app's exits 2 before a user is written", async () => {
    const script = { identity: { appId: null, date: NOW }, passes: whole(3) };
    const { report, story } = await tellRun(script, { state: { appId: 'otherapp' } });
    expect(report.error).toMatchObject({ exitCode: 2 });
    expect(story.some((step) => step.startsWith('write'))).toBe(false);
  });
});

describe('the limit', () => {
  test('is warned of once, and the list goes on as a scroll', async () => {
    const { report, story, warned } = await tellRun({
      passes: {
        ...whole(30),
        list: [[pageOf(people(30), 12_000), limit('counted')]],
        scroll: [[pageOf(people(30))]],
        updated: [[pageOf([], 30), limit()]],
      },
    });
    expect(report).toMatchObject({ limitReached: true, error: null });
    expect(story.filter((step) => /^(read|mark)/.test(step))).toEqual([
      ...['read list', 'mark limit', 'read scroll', 'read updated'],
    ]);
    expect(warned).toEqual(['users_limit_reached']);
  });

  test('in the updated pass of a full run keeps the watermark of its start', async () => {
    const updated = [[pageOf([{ id: 'u1', updatedAtSeconds: seconds(300) }], 30), limit()]];
    const { report, store, source } = await tellRun({ passes: { ...whole(30), updated } });
    expect(report.error).toBeNull();
    expect(source.asked.map(({ name }) => name)).toEqual(['list', 'updated']);
    expect(store.finished[0]?.watermark).toEqual(NOW);
  });

  test.each(['created', 'updated'] as const)(
    'in %s of an incremental run scrolls',
    async (name) => {
      const front = [pageOf([{ id: 'u0' }], 30)];
      const passes = { scroll: [[pageOf(people(30))]], updated: [front, front] };
      const cut = { ...passes, [name]: [[...front, limit()], front] };
      const { report, source } = await tellRun({ passes: cut }, { state: KNOWN });
      expect(report).toMatchObject({ error: null, limitReached: true });
      const names = source.asked.map((pass) => pass.name);
      expect(names.filter((pass) => pass === 'scroll')).toHaveLength(1);
      expect(names.at(-1)).toBe('updated');
    },
  );

  test('in a dry run is reported, and nothing is scrolled', async () => {
    const list = [[pageOf(people(3), 12_000), limit('counted')]];
    const { report, source, story } = await tellRun({ passes: { list } }, {}, { isDryRun: true });
    expect(reportToJson(report)).toMatchObject({
      run_id: null,
      limit_reached: true,
      status: 'succeeded',
    });
    expect(source.asked.map(({ name }) => name)).toEqual(['list']);
    expect(story.filter((step) => /^(finish|mark|prune)/.test(step))).toEqual([]);
  });
});

describe('the count of Intercom', () => {
  test('that adds up lets the sweep go ahead', async () => {
    const { report, store } = await tellRun({ passes: whole(30) }, { live: ['gone'] });
    expect(report.deleted).toBe(1);
    expect(store.finished[0]).toMatchObject({ isOver: true });
  });

  test('that adds up where there was nobody before needs no sweep', async () => {
    const state = { hasUsers: false };
    const { report, story } = await tellRun({ passes: whole(30) }, { live: ['gone'], state });
    expect(report).toMatchObject({ error: null, deleted: 0 });
    expect(story.some((step) => step.startsWith('ask'))).toBe(false);
  });

  test.each([
    [30, 31, 'count_mismatch'],
    [30, 40, 'count_mismatch'],
    [30, null, 'count_missing'],
  ])(
    'of %i seen and %o counted is warned of, and nothing is swept',
    async (listed, counted, event) => {
      const { report, story, warned, store } = await tellRun(
        { passes: whole(listed, counted) },
        { live: ['gone'] },
      );
      expect(report).toMatchObject({ error: null, deleted: 0 });
      expect(warned).toEqual([event]);
      expect(story.some((step) => step.startsWith('ask'))).toBe(false);
      expect(store.finished[0]?.watermark).not.toBeNull();
    },
  );

  test('that is short by more sends a list on by scroll, once', async () => {
    const script = { passes: { ...whole(30, 41), scroll: [[pageOf(people(41))]] } };
    const { report, source, warned } = await tellRun(script);
    expect(source.asked.map(({ name }) => name)).toEqual(['list', 'updated', 'scroll', 'updated']);
    expect(warned).toEqual(['list_incomplete']);
    expect(report).toMatchObject({ error: null, limitReached: false });
  });

  test('that is short behind a scroll ends as incomplete: rows kept, watermark kept', async () => {
    const script = { passes: { ...whole(30, 41), scroll: [[pageOf(people(30))]] } };
    const { report, store, story } = await tellRun(script, { live: ['gone'] });
    expect(report.error).toMatchObject({ kind: 'incomplete', exitCode: 4 });
    expect(store.finished[0]).toMatchObject({ status: 'failed', watermark: null });
    expect(story.some((step) => /^(ask|delete)/.test(step))).toBe(false);
    expect(store.live.size).toBe(31);
  });

  test('is allowed to be wrong by one in a thousand of many', async () => {
    const ended = async (counted: number) =>
      (await tellRun({ passes: { ...whole(20_000, counted), scroll: [[]] } })).report.error;
    expect(await ended(20_020)).toBeNull();
    expect(await ended(20_021)).toMatchObject({ kind: 'incomplete' });
  });
});

describe('the watermark', () => {
  const front = (fromNow: number) => ({
    passes: {
      ...whole(3),
      updated: [[pageOf([{ id: 'u0', updatedAtSeconds: seconds(fromNow) }], 3)]],
    },
  });

  test.each([
    [-300, -300],
    [0, 0],
    // Ahead of the clock, yet plausible: the clock is the smaller.
    [300, 0],
    // Not plausible at all.
    [900, 0],
    [seconds(0) * 1000, 0],
  ])('is the smaller of the clock and the newest update, %i s from it', async (newest, moved) => {
    const { store } = await tellRun(front(newest));
    expect(store.finished[0]?.watermark).toEqual(new Date(NOW.getTime() + moved * 1000));
    expect(store.runWatermarks).toEqual([NOW]);
  });

  test('comes from the newest update where Intercom tells no clock', async () => {
    const newest = pageOf([{ id: 'u0', updatedAtSeconds: seconds(-500) }]);
    const identity = { appId: 'exampleapp', date: null };
    const { store, story } = await tellRun({ identity, newest, passes: whole(3) });
    expect(story).toContain('newest');
    expect(store.runWatermarks).toEqual([new Date(NOW.getTime() - 500_000)]);
  });

  test.each([
    { sort: 'updated_at' },
    { order: 'asc' },
    { createdSinceDays: 3 },
    { lookup: { by: 'email', value: 'ada@example.com' } },
  ] as const)('is moved by no run that was asked for %o', async (asked) => {
    const { report, store, story } = await tellRun({ passes: whole(3) }, { live: ['gone'] }, asked);
    expect(report.error).toBeNull();
    expect(store.finished[0]?.watermark).toBeNull();
    expect(store.runWatermarks).toEqual([]);
    expect(story.some((step) => step.startsWith('ask'))).toBe(false);
  });

  test('is not moved by a run that fails', async () => {
    const error = new SyncError('source', 'no');
    const { store } = await tellRun({
      passes: { list: [[pageOf(people(3)), fail(error) as () => never]] },
    });
    expect(store.finished[0]).toMatchObject({ status: 'failed', watermark: null, isOver: false });
    expect(store.pages).toHaveLength(1);
  });
});

describe('a run that is stopped', () => {
  test('keeps what it wrote, and says so', async () => {
    const stop = new AbortController();
    const interrupted = new Interrupted('SIGTERM');
    const progress = { passStarted() {}, pageWritten: () => stop.abort(interrupted) };
    const list = [[pageOf(people(3)), pageOf(people(3, 'v'))]];
    const { report, store, story } = await tellRun(
      { passes: { list } },
      {},
      {},
      { stop: stop.signal, progress },
    );
    expect(report.error).toBe(interrupted);
    expect(reportToJson(report)).toMatchObject({
      status: 'interrupted',
      error_kind: null,
      pages: 1,
    });
    expect(store.finished[0]).toMatchObject({
      status: 'interrupted',
      isOver: false,
      watermark: null,
    });
    expect(store.pages).toHaveLength(1);
    expect(story.at(-1)).toBe('release');
  });
});

describe('a run that goes on with another', () => {
  const begun = new Date(NOW.getTime() - 600_000);
  const unfinished: UnfinishedRun = {
    id: '41',
    mode: 'full',
    watermark: begun,
    limitReached: false,
    errorKind: null,
    lastCheckpoint: {
      sequence: 2,
      pass: 'list',
      page: 2,
      next: '/users?page=3&per_page=50&sort=created_at&order=desc',
      users: 50,
      totalCount: 120,
      committedAt: begun,
    },
  };

  test('inherits its watermark, and whom it saw', async () => {
    const passes = {
      list: [[pageOf([{ id: 'old' }, { id: 'new' }], 2)]],
      updated: [[pageOf([], 2)]],
    };
    const { store, source, report } = await tellRun(
      { passes },
      { state: { unfinished }, inherited: ['old'] },
    );
    expect(store.runs).toEqual([{ mode: 'full', resumedFrom: '41', watermark: begun }]);
    expect(source.asked[0]).toMatchObject({ resume: { totalCount: 120 } });
    expect(source.asked[1]).toMatchObject({ since: new Date(begun.getTime() - 600_000) });
    expect(store.pages[0]?.chosen.map(({ id, isRepeat }) => [id, isRepeat])).toEqual([
      ['old', true],
      ['new', false],
    ]);
    expect(report.error).toBeNull();
    expect(store.finished[0]?.watermark).toEqual(begun);
  });
});
