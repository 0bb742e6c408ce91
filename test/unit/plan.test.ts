import { describe, expect, test } from 'vitest';
import { PLAIN_REQUEST, planPasses, planStart, type RunRequest } from '../../src/sync/plan.ts';
import type { Checkpoint, UnfinishedRun, WorkspaceState } from '../../src/sync/store.ts';

const NOW = new Date('2024-03-10T12:00:00Z');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const SETTINGS = { perPage: 50, overlapMinutes: 10, fullEveryDays: 7 };
const STATE: WorkspaceState = {
  appId: 'exampleapp',
  watermark: ago(DAY_MS),
  lastFullRunAt: ago(DAY_MS),
  hasUsers: true,
  unfinished: null,
  now: NOW,
};
const NEVER: WorkspaceState = { ...STATE, watermark: null, lastFullRunAt: null };

const plan = (request: Partial<RunRequest>, state: WorkspaceState = STATE, settings = SETTINGS) =>
  planStart({ ...PLAIN_REQUEST, ...request }, state, settings);

function passes(request: Partial<RunRequest>, state: WorkspaceState = STATE, startedAt = NOW) {
  const full = { ...PLAIN_REQUEST, ...request };
  return planPasses(full, planStart(full, state, SETTINGS), state, SETTINGS, startedAt, NOW);
}

describe('the mode', () => {
  test.each<[Partial<RunRequest>, WorkspaceState, number, string]>([
    [{}, NEVER, 7, 'full'],
    [{}, STATE, 7, 'incremental'],
    [{}, { ...STATE, lastFullRunAt: null }, 7, 'full'],
    [{}, { ...STATE, lastFullRunAt: ago(7 * DAY_MS - 1) }, 7, 'incremental'],
    [{}, { ...STATE, lastFullRunAt: ago(7 * DAY_MS) }, 7, 'full'],
    [{}, STATE, 0, 'full'],
    [{ mode: 'full' }, STATE, 7, 'full'],
    [{ mode: 'incremental' }, { ...STATE, lastFullRunAt: null }, 7, 'incremental'],
    [{ mode: 'incremental' }, NEVER, 7, 'full'],
    [{ createdSinceDays: 3 }, NEVER, 7, 'incremental'],
    [{ sort: 'updated_at' }, STATE, 7, 'full'],
    [{ lookup: { by: 'email', value: 'ada@example.com' } }, NEVER, 7, 'lookup'],
  ])('of %o in %o, full every %i days, is %s', (request, state, fullEveryDays, mode) => {
    expect(plan(request, state, { ...SETTINGS, fullEveryDays }).mode).toBe(mode);
  });

  test('is plain only where nothing was asked for but the mode', () => {
    for (const mode of ['auto', 'full', 'incremental'] as const)
      expect(plan({ mode }).isPlain).toBe(true);
    for (const request of [
      { sort: 'created_at' },
      { order: 'desc' },
      { createdSinceDays: 1 },
      { lookup: { by: 'phone', value: '+1 212 555 0123' } },
    ] as const)
      expect(plan(request).isPlain).toBe(false);
  });
});

describe('flags that contradict each other are a mistake in the settings', () => {
  const lookup = { by: 'email', value: 'ada@example.com' } as const;
  test.each<Partial<RunRequest>>([
    { lookup, mode: 'full' },
    { lookup, sort: 'created_at' },
    { lookup, order: 'asc' },
    { lookup, createdSinceDays: 2 },
    { mode: 'full', createdSinceDays: 2 },
    { mode: 'incremental', sort: 'created_at' },
    { mode: 'incremental', order: 'asc' },
  ])('%o', (request) => {
    const failing = expect(() => plan(request));
    failing.toThrow(expect.objectContaining({ kind: 'settings', exitCode: 2 }));
    expect(() => plan(request)).not.toThrow(/example\.com/);
  });
});

describe('the passes', () => {
  const since = (instant: Date) => new Date(instant.getTime() - 10 * MINUTE_MS);
  const list = {
    name: 'list',
    sort: 'created_at',
    order: 'desc',
    createdSinceDays: null,
    resume: null,
  };

  test('of a full run are the list, and what was updated since it began', () => {
    expect(passes({ mode: 'full' })).toEqual([list, { name: 'updated', since: since(NOW) }]);
  });

  test('of a full run whose start nothing told read every update', () => {
    const start = plan({ mode: 'full' });
    const [, updated] = planPasses(
      { ...PLAIN_REQUEST, mode: 'full' },
      start,
      STATE,
      SETTINGS,
      null,
      NOW,
    );
    expect(updated).toEqual({ name: 'updated', since: since(new Date(0)) });
  });

  test.each([
    // The watermark less the overlap, in whole days, rounded up, plus one.
    [0, 2],
    [DAY_MS - 11 * MINUTE_MS, 2],
    [DAY_MS - 10 * MINUTE_MS, 2],
    [DAY_MS - 9 * MINUTE_MS, 3],
    [DAY_MS, 3],
    [2.5 * DAY_MS, 4],
    [30 * DAY_MS, 32],
    // A watermark in the future asks for whole days all the same.
    [-5 * DAY_MS, 2],
  ])('of an incremental run %i ms behind ask for users of the last %i days', (age, days) => {
    const state = { ...STATE, watermark: ago(age) };
    expect(passes({ mode: 'incremental' }, state)).toEqual([
      { ...list, name: 'created', createdSinceDays: days },
      { name: 'updated', since: since(ago(age)) },
    ]);
  });

  test('of what was asked for are that alone', () => {
    expect(passes({ createdSinceDays: 3, sort: 'signed_up_at', order: 'asc' })).toEqual([
      { ...list, name: 'created', sort: 'signed_up_at', order: 'asc', createdSinceDays: 3 },
    ]);
    expect(passes({ lookup: { by: 'phone', value: '7' } })).toEqual([
      { name: 'lookup', by: 'phone', value: '7' },
    ]);
    expect(passes({ sort: 'last_request_at' })[0]).toEqual({ ...list, sort: 'last_request_at' });
  });
});

describe('a run that ended early', () => {
  const NEXT = '/users?page=4&per_page=50&sort=created_at&order=desc';
  const at = (changes: Partial<Checkpoint>): Checkpoint => ({
    sequence: 3,
    pass: 'list',
    page: 3,
    next: NEXT,
    users: 50,
    totalCount: 400,
    committedAt: ago(5 * MINUTE_MS),
    ...changes,
  });
  const unfinished = (
    run: Partial<UnfinishedRun>,
    last: Partial<Checkpoint> = {},
  ): WorkspaceState => ({
    ...NEVER,
    unfinished: {
      id: '41',
      mode: 'full',
      watermark: ago(6 * MINUTE_MS),
      limitReached: false,
      errorKind: null,
      lastCheckpoint: at(last),
      ...run,
    },
  });
  const isResumed = (state: WorkspaceState, request: Partial<RunRequest> = {}) =>
    plan(request, state).resumes?.id === '41';

  test('in its list is gone on with behind its last page', () => {
    const state = unfinished({});
    expect(isResumed(state)).toBe(true);
    expect(passes({}, state)[0]).toMatchObject({ resume: { next: NEXT, totalCount: 400 } });
    expect(passes({}, state)[1]).toMatchObject({ name: 'updated' });
  });

  test.each<[string, WorkspaceState, Partial<RunRequest>]>([
    ['an hour ago', unfinished({}, { committedAt: ago(3_600_000) }), {}],
    ['over an hour ago', unfinished({}, { committedAt: ago(3_600_001) }), {}],
    ['in a scroll', unfinished({}, { pass: 'scroll', next: null }), {}],
    ['at the limit', unfinished({ limitReached: true }), {}],
    ['incomplete', unfinished({ errorKind: 'incomplete' }), {}],
    ['before its clock was known', unfinished({ watermark: null }), {}],
    ['before its first page', unfinished({ lastCheckpoint: null }), {}],
    ['in another mode', unfinished({ mode: 'incremental' }, { pass: 'created' }), {}],
    ['as a lookup', unfinished({ mode: 'lookup' }, { pass: 'lookup', next: null }), {}],
    ['when now there are flags', unfinished({}), { order: 'asc' }],
    ['when now one user is asked for', unfinished({}), { lookup: { by: 'email', value: 'x' } }],
  ])('%s is not gone on with', (_, state, request) => {
    expect(isResumed(state, request)).toBe(false);
  });

  test('just under an hour ago is gone on with', () => {
    expect(isResumed(unfinished({}, { committedAt: ago(3_599_999) }))).toBe(true);
  });

  test('behind its list, or in what was updated, reads what was updated from the front', () => {
    for (const last of [{ next: null }, { pass: 'updated', next: '/users?page=9' }] as const) {
      const read = passes({}, unfinished({}, last));
      expect(read.map(({ name }) => name)).toEqual(['updated']);
    }
  });

  test('behind its scroll, in what was updated, does not scroll again', () => {
    const state = unfinished({ limitReached: true }, { pass: 'updated', next: null });
    expect(isResumed(state)).toBe(true);
    expect(passes({}, state).map(({ name }) => name)).toEqual(['updated']);
  });

  test.each([
    '/users?page=4&per_page=60&sort=created_at&order=desc',
    '/users?page=4&per_page=50&sort=updated_at&order=desc',
    '/users?page=4&per_page=50&sort=created_at&order=asc',
    '/users?page=4&per_page=50&sort=created_at&order=desc&created_since=3',
  ])('with other parameters reads its list from the front: %s', (next) => {
    expect(passes({}, unfinished({}, { next }))[0]).toMatchObject({ name: 'list', resume: null });
  });

  test('in a list of those created lately goes on while the days are the same', () => {
    const next = (days: number) =>
      `/users?page=4&per_page=50&sort=created_at&order=desc&created_since=${days}`;
    const state = (days: number) => ({
      ...unfinished({ mode: 'incremental' }, { pass: 'created', next: next(days) }),
      watermark: ago(DAY_MS),
      lastFullRunAt: ago(DAY_MS),
    });
    expect(passes({}, state(3))[0]).toMatchObject({ name: 'created', resume: { next: next(3) } });
    expect(passes({}, state(2))[0]).toMatchObject({ name: 'created', resume: null });
  });
});
