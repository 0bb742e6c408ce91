import { describe, expect, test } from 'vitest';
import type { RunGlance, RunProgress, WorkspaceGlance } from '../../src/postgres/overview.ts';
import { viewAll } from '../../src/worker/page/data.ts';
import { judge, type Watch } from '../../src/worker/page/state.ts';
import { HOUR_MS, watched } from './served.ts';

const NOW = new Date('2026-11-24T03:00:00Z');
const ago = (ms: number) => new Date(NOW.getTime() - ms);

const run = (more: Partial<RunGlance> = {}): RunGlance => ({
  id: '1',
  mode: 'incremental',
  status: 'succeeded',
  startedAt: ago(HOUR_MS),
  finishedAt: ago(HOUR_MS),
  limitReached: false,
  inserted: 0,
  updated: 0,
  deleted: 0,
  errorKind: null,
  errorMessage: null,
  ...more,
});
const failure = run({
  status: 'failed',
  errorKind: 'source',
  errorMessage: 'Intercom cannot be reached.',
});
const refusal = run({ status: 'failed', errorKind: 'credentials', errorMessage: 'refused (401)' });
const running = run({ id: '2', status: 'running', finishedAt: null });
const progress: RunProgress = {
  pass: 'list',
  pages: 1,
  users: 50,
  inserted: 50,
  updated: 0,
  rejected: 0,
  passUsers: 50,
  totalCount: 100,
  lastPageAt: NOW,
};

const glance = (more: Partial<WorkspaceGlance> = {}): WorkspaceGlance => ({
  workspace: 'acme',
  completeUntil: ago(HOUR_MS),
  lastSuccessAt: ago(HOUR_MS),
  openRejects: 0,
  userCount: 100,
  newest: run(),
  lastEnded: run(),
  progress: null,
  ...more,
});
const nothing = { lastSuccessAt: null, completeUntil: null, newest: null, lastEnded: null };
const old = { lastSuccessAt: ago(4 * HOUR_MS) };
const watch: Watch = { staleAfterMs: 3 * HOUR_MS, watchedMs: 60_000, isRefused: false };

describe('a workspace', () => {
  test.each([
    ['is up to date after a fresh success', {}, {}, 'Up to date', 'good'],
    ['has not begun before its first run', nothing, {}, 'Not begun', 'idle'],
    [
      'is too old when nobody read it for long',
      nothing,
      { watchedMs: 4 * HOUR_MS },
      'Too old',
      'bad',
    ],
    ['is too old when the last success is', old, {}, 'Too old', 'bad'],
    ['runs for the first time', { ...nothing, newest: running, progress }, {}, 'First run', 'busy'],
    ['runs', { newest: running, progress }, {}, 'Running', 'busy'],
    ['runs, however long that takes', { ...old, newest: running, progress }, {}, 'Running', 'busy'],
    [
      'tries again after a failure',
      { newest: running, lastEnded: failure, progress },
      {},
      'Trying again',
      'warn',
    ],
    [
      'tries again for too long',
      { ...old, newest: running, lastEnded: failure, progress },
      {},
      'Trying again',
      'bad',
    ],
    ['failed once', { newest: failure, lastEnded: failure }, {}, 'Last run failed', 'warn'],
    ['fails for too long', { ...old, newest: failure, lastEnded: failure }, {}, 'Failing', 'bad'],
    ['has a run that died', { newest: running }, {}, 'Left alone', 'warn'],
    [
      'was stopped in its first run',
      { ...nothing, newest: run({ status: 'interrupted' }) },
      {},
      'Not read yet',
      'idle',
    ],
    ['has a token that this worker saw refused', {}, { isRefused: true }, 'Token refused', 'bad'],
    [
      'has a token that another worker saw refused',
      { newest: refusal, lastEnded: refusal },
      {},
      'Token refused',
      'bad',
    ],
    [
      'runs again with a token that was mended',
      { newest: running, lastEnded: refusal, progress },
      { isRefused: false },
      'Trying again',
      'warn',
    ],
  ] as const)('%s', (_, more, watching, label, tone) => {
    expect(judge(glance(more), NOW, { ...watch, ...watching })).toMatchObject({ label, tone });
  });

  test('that needs a person says what to do', () => {
    const states = [
      judge(glance({ ...old }), NOW, watch),
      judge(glance({ ...old, lastEnded: failure }), NOW, watch),
      judge(glance({ lastEnded: refusal }), NOW, watch),
      judge(glance({ ...old, lastEnded: failure, newest: running, progress }), NOW, watch),
    ];
    for (const { tone, advice } of states) {
      expect([tone, advice]).toEqual(['bad', expect.stringMatching(/\w{3,}.*\.$/)]);
    }
  });

  test.each([
    'credentials',
    'settings',
    'source',
    'incomplete',
    'database',
    'busy',
    'bug',
    'kind_of_a_later_version',
  ])('that failed with an error of kind %s has advice of its own', (errorKind) => {
    const lastEnded = run({ status: 'failed', errorKind, errorMessage: 'it did not work' });
    expect(judge(glance({ lastEnded }), NOW, watch).advice).toMatch(/\w/);
  });

  test('that failed repeats the error as a sentence', () => {
    const { sentence } = judge(glance({ lastEnded: failure }), NOW, watch);
    expect(sentence).toBe('The last run failed: Intercom cannot be reached.');
  });
});

describe('many workspaces', () => {
  const overview = {
    now: NOW,
    workspaces: new Map(
      Object.entries({
        fine: glance(),
        also_fine: glance(),
        old: glance(old),
        failed: glance({ lastEnded: failure }),
        runs: glance({ newest: running, progress }),
        new: glance(nothing),
      }),
    ),
  };
  const sources = { overview, watchedMs: 0, callsLeft: () => null };

  test('stand with the worst first, and by name among equals', () => {
    const workspaces = [...overview.workspaces.keys()].map((name) => watched(name));
    expect(viewAll(workspaces, sources).map(({ name }) => name)).toEqual([
      'old',
      'failed',
      'new',
      'runs',
      'also_fine',
      'fine',
    ]);
  });

  test('have no next run where the token is refused', () => {
    const [view] = viewAll([watched('fine', { isRefused: () => true })], sources);
    expect(view?.nextRun).toBeNull();
  });
});
