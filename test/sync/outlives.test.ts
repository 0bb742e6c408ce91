import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultRule, Faults } from '../../src/simulator/faults.ts';
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

const USERS = 137;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function runAgainst(
  faults: Partial<Faults>,
  users = USERS,
  env: Record<string, string> = {},
) {
  await rowsOf(
    database.url,
    'truncate intercom.users, intercom.workspaces, intercom.sync_runs cascade',
  );
  const simulator = await startSimulator({ users, token: TOKEN, faults });
  try {
    const finished = await syncHere(environmentFor(simulator.url, database.url, env));
    return { ...finished, simulator, difference: await compareWithSource(database.url, simulator) };
  } finally {
    await simulator.close();
  }
}

/** The second page of the list, twice; the first request for it counts as the first. */
function onSecondPage(answer: FaultRule['answer'], times = 2): Partial<Faults> {
  return {
    rules: [{ answer, match: { path: '/users', query: { page: '2', sort: 'created_at' } }, times }],
  };
}

describe('what Intercom gets wrong now and then is outlived', () => {
  test.each([
    'status500',
    'status500null',
    'status502',
    'status503',
    'status504html',
    'status408',
    'empty200',
    'html200',
    'errorList200',
    'truncatedJson',
    'reset',
    'cut',
  ] as const)('%s, twice', async (answer) => {
    const { report, json, difference, events } = await runAgainst(onSecondPage(answer));
    expect(report.error).toBeNull();
    expect(difference).toEqual(EQUAL);
    const retries = events.filter(({ event }) => event === 'intercom_retry');
    expect(retries.map(({ run_id }) => run_id)).toEqual([json.run_id, json.run_id]);
  });

  test.each(['freeze', 'freezeMidway', 'drip', 'slow'] as const)(
    '%s: given up after the time allowed, and asked for again',
    async (answer) => {
      const env = { INTERCOM_REQUEST_TIMEOUT_MS: '300' };
      const { report, difference } = await runAgainst(onSecondPage(answer, 1), USERS, env);
      expect(report.error).toBeNull();
      expect(difference).toEqual(EQUAL);
    },
  );

  test.each(['status429', 'status429bare', 'status429retryAfter'] as const)(
    '%s: waited for, and no try is used up',
    async (answer) => {
      const faults = { ...onSecondPage(answer, 1), retryAfterSeconds: 1 };
      const { report, difference, events } = await runAgainst(faults);
      expect(report.error).toBeNull();
      expect(difference).toEqual(EQUAL);
      expect(events.filter(({ event }) => event === 'intercom_rate_limit')).toHaveLength(1);
    },
  );
});

describe('a scroll that breaks begins anew', () => {
  const onThirdPage = (answer: FaultRule['answer'], times = 1): Partial<Faults> => ({
    rules: [{ answer, match: { path: '/users/scroll', nth: 3 }, times }],
    scrollLifeMs: 800,
  });

  test.each([
    'status500scroll',
    'status500null',
    'status504html',
    'scrollNotFound',
    'reset',
    'cut',
    'empty200',
  ] as const)(
    '%s in its middle: waited, read again from its start, nothing lost',
    async (answer) => {
      const { report, difference, events, simulator } = await runAgainst(
        onThirdPage(answer),
        10_300,
        { INTERCOM_SCROLL_RESTART_WAIT_MS: '1000' },
      );
      expect(report.error).toBeNull();
      expect(difference).toEqual(EQUAL);
      expect(events.filter(({ event }) => event === 'intercom_scroll_lost')).toHaveLength(1);
      const scrolls = simulator.requests.filter(({ path }) => path === '/users/scroll');
      const firsts = scrolls.filter(({ query }) => !query.has('scroll_param'));
      expect(firsts).toHaveLength(2);
    },
  );

  test('when another program holds the scroll for good, the run ends with exit code 4 and says who may hold it', async () => {
    const { report, json } = await runAgainst({ scrollHeldByOther: true }, 10_300, {
      INTERCOM_SCROLL_RESTART_WAIT_MS: '10',
    });
    expect(json).toMatchObject({ status: 'failed', error_kind: 'source', limit_reached: true });
    expect(report.error).toMatchObject({
      hint: expect.stringContaining('another program or vendor'),
    });
  });
});

describe('what cannot be outlived ends the run, and what was read is kept', () => {
  test('an answer of 500 for ever: exit code 4, and the pages before it are in the table', async () => {
    const { json } = await runAgainst(onSecondPage('status500', 1000));
    expect(json).toMatchObject({ status: 'failed', error_kind: 'source', inserted: 50, pages: 1 });
    expect(await rowsOf(database.url, 'select count(*)::int as users from intercom.users')).toEqual(
      [{ users: 50 }],
    );
  });

  test('a token that is revoked midway: exit code 3, at once', async () => {
    const { json, simulator } = await runAgainst({ tokenRevokedAfter: 2 });
    expect(json).toMatchObject({ status: 'failed', error_kind: 'credentials', inserted: 50 });
    expect(simulator.requests.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  test('a pages.next at another origin is refused', async () => {
    const { json } = await runAgainst({ nextOrigin: 'http://elsewhere.invalid' });
    expect(json).toMatchObject({ status: 'failed', error_kind: 'source' });
  });

  test('a redirect to another origin is refused', async () => {
    const { json } = await runAgainst(onSecondPage('redirectOther', 1));
    expect(json).toMatchObject({ status: 'failed', error_kind: 'source' });
  });
});

test('a list is gone on with from its last page, though a run in between failed before its first', async () => {
  await rowsOf(
    database.url,
    'truncate intercom.users, intercom.workspaces, intercom.sync_runs cascade',
  );
  const secondPage = { path: '/users', query: { page: '2', sort: 'created_at' } };
  const faults: Partial<Faults> = {
    rules: [
      { answer: 'status401', match: secondPage, times: 1 },
      { answer: 'status401', match: { path: '/me', nth: 2 }, times: 1 },
    ],
  };
  const simulator = await startSimulator({ users: USERS, token: TOKEN, faults });
  try {
    const env = environmentFor(simulator.url, database.url);
    const kinds = [];
    for (let runs = 0; runs < 3; runs += 1) kinds.push((await syncHere(env)).report.error);
    expect(kinds).toMatchObject([{ kind: 'credentials' }, { kind: 'credentials' }, null]);
    const asked = simulator.requests.filter(({ query }) => query.get('sort') === 'created_at');
    expect(asked.map(({ query }) => query.get('page'))).toEqual(['1', '2', '2', '3']);
    expect(await compareWithSource(database.url, simulator)).toEqual(EQUAL);
  } finally {
    await simulator.close();
  }
});
