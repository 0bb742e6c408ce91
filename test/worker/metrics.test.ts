import { expect, test } from 'vitest';
import { Interrupted, SyncError } from '../../src/errors.ts';
import { newTally, type RunReport } from '../../src/sync/report.ts';
import { createMetrics, type Metrics, type WorkspaceReading } from '../../src/worker/metrics.ts';

const report = (more: Partial<RunReport> = {}): RunReport => ({
  ...newTally('acme'),
  mode: 'full',
  durationMs: 2_000,
  error: null,
  ...more,
});

const reading = (more: Partial<WorkspaceReading> = {}): WorkspaceReading => ({
  workspace: 'acme',
  isRefused: false,
  staleAfterSeconds: 10_800,
  lastSuccessAgeSeconds: 60,
  lagSeconds: 61,
  runAgeSeconds: 5,
  openRejects: 2,
  userCount: 1_000,
  ...more,
});

/** Every sample by its name and labels, as Prometheus would read them. */
async function samples(
  metrics: Metrics,
  readings: readonly WorkspaceReading[] = [],
  isDatabaseUp = true,
): Promise<ReadonlyMap<string, number>> {
  const text = await metrics.expose(readings, isDatabaseUp);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line): [string, number] => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

const ofAcme = (name: string, labels = '') => `intercom_sync_${name}{workspace="acme"${labels}}`;

test('each page adds to the counters of its workspace', async () => {
  const metrics = createMetrics(['acme', 'beta']);
  const counts = {
    users: 50,
    inserted: 10,
    updated: 11,
    unchanged: 12,
    duplicates: 13,
    rejected: 4,
  };
  metrics.pageWritten('acme', counts);
  metrics.pageWritten('acme', counts);
  const read = await samples(metrics);
  expect(read.get(ofAcme('pages_total'))).toBe(2);
  expect(read.get(ofAcme('users_read_total'))).toBe(100);
  expect(read.get(ofAcme('users_inserted_total'))).toBe(20);
  expect(read.get(ofAcme('users_updated_total'))).toBe(22);
  expect(read.get(ofAcme('users_unchanged_total'))).toBe(24);
  expect(read.get(ofAcme('users_duplicates_total'))).toBe(26);
  expect(read.get(ofAcme('users_rejected_total'))).toBe(8);
  expect(read.get('intercom_sync_users_read_total{workspace="beta"}')).toBe(0);
});

test.each([
  [200, '200'],
  [404, '404'],
  [429, '429'],
  [503, '503'],
  [302, '3xx'],
  [418, '4xx'],
  [520, '5xx'],
  [999, 'odd'],
  [null, 'none'],
])('a request answered with %s counts as %s', async (status, label) => {
  const metrics = createMetrics(['acme']);
  metrics.requestAnswered('acme', status);
  const read = await samples(metrics);
  expect(read.get(ofAcme('requests_total', `,status="${label}"`))).toBe(1);
  expect(read.get(ofAcme('rate_limited_total'))).toBe(status === 429 ? 1 : 0);
});

test('what is sent again is counted by its reason', async () => {
  const metrics = createMetrics(['acme']);
  metrics.requestRetried('acme', 'scroll_lost');
  const read = await samples(metrics);
  expect(read.get(ofAcme('retries_total', ',reason="scroll_lost"'))).toBe(1);
  expect(read.get(ofAcme('retries_total', ',reason="retry"'))).toBe(0);
});

test('a run that is over counts by mode and status, with its duration in seconds', async () => {
  const metrics = createMetrics(['acme']);
  metrics.runStarted('acme');
  metrics.runFinished('acme', report({ deleted: 3 }));
  metrics.runFinished('acme', report({ error: new SyncError('source', 'no answer') }));
  metrics.runFinished('acme', report({ mode: null, error: new Interrupted('SIGTERM') }));
  const read = await samples(metrics);
  expect(read.get(ofAcme('runs_started_total'))).toBe(1);
  expect(read.get(ofAcme('runs_total', ',mode="full",status="succeeded"'))).toBe(1);
  expect(read.get(ofAcme('runs_total', ',mode="full",status="failed"'))).toBe(1);
  expect(read.get(ofAcme('runs_total', ',mode="undecided",status="interrupted"'))).toBe(1);
  expect(read.get(ofAcme('users_deleted_total'))).toBe(3);
  expect(read.get('intercom_sync_run_duration_seconds_sum{mode="full"}')).toBe(4);
  expect(read.get('intercom_sync_run_duration_seconds_bucket{le="1",mode="full"}')).toBe(0);
  expect(read.get('intercom_sync_run_duration_seconds_bucket{le="5",mode="full"}')).toBe(2);
});

test('a lost lease is counted', async () => {
  const metrics = createMetrics(['acme']);
  metrics.leaseLost('acme');
  expect((await samples(metrics)).get(ofAcme('leases_lost_total'))).toBe(1);
});

test('the budget is told while a run is on, and no longer', async () => {
  const metrics = createMetrics(['acme']);
  const left = async () => (await samples(metrics)).get(ofAcme('budget_left_calls'));
  expect(await left()).toBeUndefined();
  metrics.budgetLeft('acme', 112);
  expect(metrics.callsLeft('acme')).toBe(112);
  expect(await left()).toBe(112);
  metrics.runFinished('acme', report());
  expect(metrics.callsLeft('acme')).toBeNull();
  expect(await left()).toBeUndefined();
});

test('a failure that is the first of its kind is a step from nought to one', async () => {
  const read = await samples(createMetrics(['acme']));
  expect(read.get(ofAcme('runs_total', ',mode="incremental",status="failed"'))).toBe(0);
  expect(read.get(ofAcme('rate_limited_total'))).toBe(0);
  expect(read.get(ofAcme('leases_lost_total'))).toBe(0);
});

test('labels are those of the settings, whatever is reported', async () => {
  const metrics = createMetrics(['acme']);
  for (let at = 0; at < 20; at += 1) metrics.leaseLost(`made_up_${at}`);
  const text = await metrics.expose([], true);
  const workspaces = new Set([...text.matchAll(/workspace="([^"]*)"/g)].map((match) => match[1]));
  expect([...workspaces].sort()).toEqual(['acme', 'other']);
});

test('how a workspace is, is told as it was read', async () => {
  const read = await samples(createMetrics(['acme']), [reading({ isRefused: true })]);
  expect(read.get(ofAcme('last_success_age_seconds'))).toBe(60);
  expect(read.get(ofAcme('stale_after_seconds'))).toBe(10_800);
  expect(read.get(ofAcme('lag_seconds'))).toBe(61);
  expect(read.get(ofAcme('run_age_seconds'))).toBe(5);
  expect(read.get(ofAcme('open_rejects'))).toBe(2);
  expect(read.get(ofAcme('users'))).toBe(1_000);
  expect(read.get(ofAcme('token_refused'))).toBe(1);
  expect(read.get('intercom_sync_database_up')).toBe(1);
});

test('what is not known any more is told no more', async () => {
  const metrics = createMetrics(['acme']);
  await samples(metrics, [reading()]);
  const unknown = { lastSuccessAgeSeconds: null, lagSeconds: null, runAgeSeconds: null };
  const read = await samples(
    metrics,
    [reading({ ...unknown, openRejects: null, userCount: null })],
    false,
  );
  const names = [...read.keys()].join('\n');
  expect(names).not.toMatch(/last_success_age|sync_lag|run_age|open_rejects|sync_users\{/);
  expect(read.get(ofAcme('stale_after_seconds'))).toBe(10_800);
  expect(read.get('intercom_sync_database_up')).toBe(0);
});

test('every name is of this program or of the process, and says its unit', async () => {
  const text = await createMetrics(['acme']).expose([reading()], true);
  const typed = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({
    name: name ?? '',
    type,
  }));
  expect(typed.filter(({ name }) => !/^(intercom_sync|process|nodejs)_/.test(name))).toEqual([]);
  expect(typed.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']),
  );
  const counters = typed.filter(({ name, type }) => type === 'counter' && /^intercom/.test(name));
  expect(counters.length).toBeGreaterThan(10);
  expect(counters.filter(({ name }) => !name.endsWith('_total'))).toEqual([]);
});
