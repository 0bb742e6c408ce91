import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/sync/parts.ts';
import { limit, NOW, pageOf, people, tellRun } from '../support/memory-parts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OVERLAP_MS = 600_000;
const past = (ms: number, instant: Date = NOW) => new Date(instant.getTime() + ms);
const identity = { appId: 'exampleapp', date: NOW };

/** This machine's clock is so far from Intercom's, and goes on by a minute with each page. */
function machine(offMs: number) {
  let elapsedMs = 5_000;
  const clock: Clock = { now: () => past(offMs), elapsedMs: () => elapsedMs };
  const pageWritten = () => {
    elapsedMs += 60_000;
  };
  return { clock, progress: { passStarted() {}, pageWritten } };
}

describe.each([-26, 26])('where this machine is %i hours off', (hours) => {
  const parts = () => machine(hours * HOUR_MS);

  test('a time is plausible up to ten minutes past the clock of Intercom, which goes on', async () => {
    const pages = [pageOf(people(2), 2), pageOf(people(2), 2)];
    const passes = { list: [pages], updated: [[pageOf([], 2)]] };
    const { store } = await tellRun({ identity, passes }, {}, {}, parts());
    expect(store.pages.map(({ plausibleUntil }) => plausibleUntil)).toEqual([
      past(600_000),
      past(660_000),
      past(720_000),
    ]);
  });

  test('and Intercom tells no time, one is plausible up to two days past that of this machine', async () => {
    const told = { appId: 'exampleapp', date: null };
    const { store } = await tellRun({ identity: told }, {}, {}, parts());
    expect(store.pages[0]?.plausibleUntil).toEqual(past(hours * HOUR_MS + 2 * DAY_MS));
  });

  test('the days to ask for are counted in the clock of Intercom', async () => {
    const state = { watermark: past(-DAY_MS), lastFullRunAt: NOW };
    const { source } = await tellRun({ identity }, { state }, {}, parts());
    expect(source.asked[0]).toMatchObject({ name: 'created', createdSinceDays: 3 });
  });

  test('what changed since a scroll began is counted from the start of the run', async () => {
    const state = { watermark: past(-DAY_MS), lastFullRunAt: NOW };
    const front = [pageOf([{ id: 'u0' }], 3)];
    const passes = { scroll: [[pageOf(people(3))]], updated: [[...front, limit()], front] };
    const { source } = await tellRun({ identity, passes }, { state }, {}, parts());
    expect(source.asked.map(({ name }) => name)).toEqual([
      'created',
      'updated',
      'scroll',
      'updated',
    ]);
    expect(source.asked.at(-1)).toEqual({ name: 'updated', since: past(-OVERLAP_MS) });
  });
});

test('the newest update and the count are those of the first page of what was updated', async () => {
  const at = (seconds: number) => NOW.getTime() / 1000 + seconds;
  const front = pageOf([{ id: 'u0', updatedAtSeconds: at(-100) }], 3);
  const later = pageOf([{ id: 'u1', updatedAtSeconds: at(-5_000) }], 99);
  const passes = { list: [[pageOf(people(3), 3)]], updated: [[front, later]] };
  const { store, report } = await tellRun({ identity, passes });
  expect(report.error).toBeNull();
  expect(store.finished[0]?.watermark).toEqual(past(-100_000));
});
