import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Faults } from '../../src/simulator/faults.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  compareWithSource,
  EQUAL,
  environmentFor,
  rowsOf,
  syncHere,
  TOKEN,
} from '../support/sync.ts';

const COUNTS = ['right', 'capped', 'missing'] as const;
const FACES = ['refused', 'model', 'emptied'] as const;
const PER_PAGE = [50, 60] as const;

interface Case {
  readonly users: number;
  readonly perPage: number;
  readonly faults: Partial<Faults>;
}

function casesOf(sizes: readonly number[], faults: readonly Partial<Faults>[]): [string, Case][] {
  return sizes.flatMap((users) =>
    PER_PAGE.flatMap((perPage) =>
      faults.map((fault): [string, Case] => [
        `${users} users, ${perPage} a page, ${JSON.stringify(fault)}`,
        { users, perPage, faults: fault },
      ]),
    ),
  );
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A first run into an empty workspace. */
async function firstRun({ users, perPage, faults }: Case) {
  await rowsOf(
    database.url,
    'truncate intercom.users, intercom.workspaces, intercom.sync_runs cascade',
  );
  const simulator = await startSimulator({
    users,
    token: TOKEN,
    faults,
    rateLimitPerWindow: 1_000_000,
  });
  try {
    const env = environmentFor(simulator.url, database.url, { INTERCOM_PER_PAGE: String(perPage) });
    const { report, json, events } = await syncHere(env);
    const difference = await compareWithSource(database.url, simulator);
    const pagesServed = simulator.requests.filter(
      ({ path, status }) => status === 200 && (path === '/users' || path === '/users/scroll'),
    ).length;
    return { report, json, events, difference, pagesServed };
  } finally {
    await simulator.close();
  }
}

describe('below the limit every user arrives by the list', () => {
  test.each(
    casesOf(
      [0, 1, 50, 51, 137],
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

describe('at the limit and beyond it, every user arrives: the warning once, then the scroll', () => {
  const shapes = COUNTS.flatMap((totalCount) =>
    // With the right count the switch is made on page 1, whatever the face.
    (totalCount === 'right' ? FACES.slice(0, 1) : FACES).map((limit) => ({ totalCount, limit })),
  );
  test.each(casesOf([10_000, 10_001, 12_345], shapes))('%s', async (_, example) => {
    const { report, json, events, difference, pagesServed } = await firstRun(example);
    expect(report.error).toBeNull();
    expect(difference).toEqual(EQUAL);
    expect(json).toMatchObject({
      status: 'succeeded',
      limit_reached: true,
      inserted: example.users,
      pages: pagesServed,
    });
    const warnings = events.filter(({ event }) => event === 'users_limit_reached');
    expect(warnings).toMatchObject([{ level: 40 }]);
    const [run] = await rowsOf(database.url, 'select limit_reached, pages from intercom.sync_runs');
    expect(run).toEqual({ limit_reached: true, pages: pagesServed });
    const passes = await rowsOf<{ pass: string }>(
      database.url,
      'select pass from intercom.sync_checkpoints group by pass order by min(sequence)',
    );
    expect(passes.map(({ pass }) => pass)).toEqual(['list', 'scroll', 'updated']);
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
  test.each(casesOf([137], shapes))('%s', async (_, example) => {
    const { report, difference } = await firstRun(example);
    expect(report.error).toBeNull();
    expect(difference).toEqual(EQUAL);
  });
});

describe('users with one time that change places between two pages are never missed in silence', () => {
  test.each(casesOf([137], [{ unstableTies: true }]))('%s', async (_, example) => {
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
  const [sums] = await rowsOf(
    database.url,
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
