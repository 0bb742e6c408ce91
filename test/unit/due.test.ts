import { describe, expect, test } from 'vitest';
import type { WorkspaceSchedule } from '../../src/config-worker.ts';
import { lastOccurrence, nextOccurrence } from '../../src/cron.ts';
import { nextRun, staleAfterMs, whatIsDue } from '../../src/worker/due.ts';

const SCHEDULE: WorkspaceSchedule = {
  workspace: 'acme',
  incremental: { expression: '0 * * * *', timeZone: 'UTC' },
  full: { expression: '0 3 * * 0', timeZone: 'UTC' },
};
const HOUR_MS = 3_600_000;
/** A Wednesday; the last full tick was on Sunday the 15th. */
const NOW = '2026-11-18T10:20:00Z';

function due(succeededAt: string | null, fullSucceededAt: string | null, now = NOW) {
  return whatIsDue(SCHEDULE, {
    workspace: 'acme',
    succeededAt: succeededAt === null ? null : new Date(succeededAt),
    fullSucceededAt: fullSucceededAt === null ? null : new Date(fullSucceededAt),
    isFailing: false,
    now: new Date(now),
  });
}

describe('what is due', () => {
  const sunday = '2026-11-15T03:00:00Z';
  test.each([
    ['everything, where nothing ever succeeded', null, null, 'full'],
    [
      'a full run, where its tick was missed, though the others were not',
      NOW,
      '2026-11-15T02:59:59Z',
      'full',
    ],
    ['nothing behind both ticks', '2026-11-18T10:00:00Z', sunday, null],
    ['an incremental run behind one tick', '2026-11-18T09:59:59Z', sunday, 'incremental'],
    ['one incremental run behind seventy ticks', '2026-11-15T12:00:00Z', sunday, 'incremental'],
    [
      'a full run alone, where both are due',
      '2026-11-10T00:00:00Z',
      '2026-11-08T03:00:01Z',
      'full',
    ],
  ] as const)('is %s', (_, succeededAt, fullSucceededAt, mode) => {
    expect(due(succeededAt, fullSucceededAt)).toBe(mode);
  });

  test('is found by a tick that comes a moment early', () => {
    expect(due('2026-11-18T09:00:03Z', sunday, '2026-11-18T09:59:58Z')).toBe('incremental');
    expect(due('2026-11-18T09:00:03Z', sunday, '2026-11-18T09:59:40Z')).toBeNull();
  });
});

test('the next run is the earlier of the two, and a full one where they coincide', () => {
  const at = (now: string) => nextRun(SCHEDULE, new Date(now));
  expect(at(NOW)).toEqual({ mode: 'incremental', at: new Date('2026-11-18T11:00:00Z') });
  const sunday = new Date('2026-11-22T03:00:00Z');
  expect(at('2026-11-22T02:30:00Z')).toEqual({ mode: 'full', at: sunday });
});

test('a success is too old after twice the widest gap between ticks, and an hour', () => {
  expect(staleAfterMs(SCHEDULE, new Date(NOW))).toBe(3 * HOUR_MS);
  const workdays = { ...SCHEDULE, incremental: { expression: '0 9 * * 1-5', timeZone: 'UTC' } };
  // From Friday at 9 to the full run on Sunday at 3 are 42 hours.
  expect(staleAfterMs(workdays, new Date(NOW))).toBe(85 * HOUR_MS);
});

test('a time that the clock skips comes an hour later, and one that it shows twice comes once', () => {
  const cron = { expression: '30 2 * * *', timeZone: 'Europe/Berlin' };
  const [spring, autumn] = [new Date('2026-03-28T12:00:00Z'), new Date('2026-10-24T12:00:00Z')];
  expect(nextOccurrence(cron, spring)).toEqual(new Date('2026-03-29T01:30:00Z'));
  const first = nextOccurrence(cron, autumn);
  expect(nextOccurrence(cron, first).getTime() - first.getTime()).toBeGreaterThan(23 * HOUR_MS);
});

test('the last occurrence is the instant itself, where it is one', () => {
  const noon = new Date('2026-11-18T12:00:00Z');
  expect(lastOccurrence(SCHEDULE.incremental, noon)).toEqual(noon);
  expect(lastOccurrence(SCHEDULE.incremental, new Date(noon.getTime() - 1))).toEqual(
    new Date('2026-11-18T11:00:00Z'),
  );
});
