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

export const COUNTS = ['right', 'capped', 'missing'] as const;
const FACES = ['refused', 'model', 'emptied'] as const;

export interface Case {
  readonly users: number;
  readonly perPage: number;
  readonly faults: Partial<Faults>;
}

export function casesOf(
  sizes: readonly number[],
  pageSizes: readonly number[],
  faults: readonly Partial<Faults>[],
): [string, Case][] {
  return sizes.flatMap((users) =>
    pageSizes.flatMap((perPage) =>
      faults.map((fault): [string, Case] => [
        `${users} users, ${perPage} a page, ${JSON.stringify(fault)}`,
        { users, perPage, faults: fault },
      ]),
    ),
  );
}

let database: TestDatabase;

/** Each file that reads whole workspaces has a database of its own. */
export function useDatabase(): void {
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
}

export const rows = <T extends object>(sql: string) =>
  rowsOf<T & Record<string, unknown>>(database.url, sql);

/** A first run into an empty workspace. */
export async function firstRun({ users, perPage, faults }: Case) {
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

/** A file for each page size: they are the longest of all, and files share the cores. */
export function describeLimit(perPage: number): void {
  describe('at the limit and beyond it, every user arrives: the warning once, then the scroll', () => {
    const shapes = COUNTS.flatMap((totalCount) =>
      // With the right count the switch is made on page 1, whatever the face.
      (totalCount === 'right' ? FACES.slice(0, 1) : FACES).map((limit) => ({ totalCount, limit })),
    );
    test.each(casesOf([10_000, 10_001, 12_345], [perPage], shapes))('%s', async (_, example) => {
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
      const [run] = await rows('select limit_reached, pages from intercom.sync_runs');
      expect(run).toEqual({ limit_reached: true, pages: pagesServed });
      const passes = await rows<{ pass: string }>(
        'select pass from intercom.sync_checkpoints group by pass order by min(sequence)',
      );
      expect(passes.map(({ pass }) => pass)).toEqual(['list', 'scroll', 'updated']);
    });
  });
}
