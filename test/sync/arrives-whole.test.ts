import { describe, expect, test } from 'vitest';
import type { Faults } from '../../src/simulator/faults.ts';
import { EQUAL } from '../support/sync.ts';
import { COUNTS, casesOf, firstRun, rows, useDatabase } from './whole-runs.ts';

const PER_PAGE = [50, 60] as const;

useDatabase();

describe('below the limit every user arrives by the list', () => {
  test.each(
    casesOf(
      [0, 1, 50, 51, 137],
      PER_PAGE,
      COUNTS.map((totalCount) => ({ totalCount })),
    ),
  )('%s', async (_, example) => {
    const { report, json, events, difference, pagesServed } = await firstRun(example);
    expect(report.error).toBeNull();
    expect(difference).toEqual(EQUAL);
    expect(json).toMatchObject({
      mode: 'full',
      status: 'succeeded',
      limit_reached: false,
      inserted: example.users,
      pages: pagesServed,
      rejected: 0,
    });
    expect(events.filter(({ event }) => event === 'users_limit_reached')).toEqual([]);
  });
});

describe('however a list ends and whatever next carries, every user arrives', () => {
  const shapes: Partial<Faults>[] = [
    { end: 'absent' },
    { end: 'empty' },
    { nextFilters: 'paging' },
    { nextFilters: 'dropped' },
    { limitedAbsent: true, pagesTypeAbsent: true },
  ];
  test.each(casesOf([137], PER_PAGE, shapes))('%s', async (_, example) => {
    const { report, difference } = await firstRun(example);
    expect(report.error).toBeNull();
    expect(difference).toEqual(EQUAL);
  });
});

describe('users with one time that change places between two pages are never missed in silence', () => {
  test.each(casesOf([137], PER_PAGE, [{ unstableTies: true }]))('%s', async (_, example) => {
    const { report, events, difference } = await firstRun(example);
    expect(report.error).toBeNull();
    // A list can miss a few of them, and so few that the count may be wrong: then both are told.
    const told = events.filter(({ event }) => event === 'count_mismatch');
    const { users } = example;
    const expected = { seen: users - difference.missing, total_count: users };
    if (difference.missing > 0) expect(told).toMatchObject([expected]);
    else expect(told).toEqual([]);
    expect({ ...difference, missing: 0 }).toEqual(EQUAL);
  });
});

test('the counters of a run are the sums of its checkpoints, and add up', async () => {
  const { json } = await firstRun({ users: 137, perPage: 50, faults: {} });
  const [sums] = await rows(
    `select r.pages, r.users_read, r.inserted, r.updated, r.unchanged, r.duplicates, r.rejected,
            count(*)::int as c_pages, sum(c.users)::int as c_users
     from intercom.sync_runs r join intercom.sync_checkpoints c on c.run_id = r.id group by r.id`,
  );
  expect(sums).toMatchObject({
    pages: json.pages,
    users_read: json.users_read,
    c_pages: json.pages,
    c_users: json.users_read,
  });
  const { inserted, updated, unchanged, duplicates, rejected, users_read } = json as Record<
    string,
    number
  >;
  expect(
    (inserted ?? 0) + (updated ?? 0) + (unchanged ?? 0) + (duplicates ?? 0) + (rejected ?? 0),
  ).toBe(users_read);
});
