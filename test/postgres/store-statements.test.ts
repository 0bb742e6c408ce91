import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;
let sequence = 0;

beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
});
afterEach(() => {
  pg.Client.prototype.query = query;
});
afterAll(() => opened.close());

const { query } = pg.Client.prototype;
const BAD = '{"id":"bad","n":1e999999}';

/** How many round trips a page takes, its BEGIN (with all its bounds) and its COMMIT among them. */
async function statementsOf(users: Parameters<typeof pageOf>[2], changes = {}): Promise<number> {
  sequence += 1;
  let statements = 0;
  const counting = function (this: pg.Client, ...args: unknown[]): unknown {
    statements += 1;
    return Reflect.apply(query, this, args);
  };
  pg.Client.prototype.query = counting as typeof query;
  await opened.store.writePage(pageOf(runId, sequence, users, changes));
  pg.Client.prototype.query = query;
  return statements;
}

describe('a page is written in so many statements and no more', () => {
  test('four: begin, users, checkpoint, commit', async () => {
    expect(await statementsOf([{ id: 'a' }, { id: 'b' }])).toBe(4);
  });

  test('three where nobody is on it', async () => {
    expect(await statementsOf([])).toBe(3);
  });

  test('one more where a user without an id is set aside', async () => {
    const reject = { position: 0, userId: null, reason: 'id: must be a non-empty string' };
    const changes = { chosen: [], seenIds: [], rejects: [reject] };
    expect(await statementsOf([{ name: 'nobody' }], changes)).toBe(4);
    await opened.rows('delete from intercom.rejected_users');
  });

  test('one more while a reject of this workspace is open, and of no other', async () => {
    await opened.rows(`insert into intercom.rejected_users
        (workspace, user_id, reason, payload, first_seen_at, last_seen_at)
      select name, 'x', 'sqlstate 22003', '{}', now(), now()
      from unnest(array['default', 'other']) as name`);
    expect(await statementsOf([{ id: 'c' }])).toBe(5);
    await opened.rows(`update intercom.rejected_users set resolved_at = now()
      where workspace = 'default'`);
    expect(await statementsOf([{ id: 'd' }])).toBe(4);
  });

  // Four for the page as it came, seven around its users, and two for each time that some are tried.
  test.each([
    [1, [50], 4 + 7 + 2 * 9],
    [2, [13, 77], 4 + 7 + 2 * 18],
    [2, [0, 99], 4 + 7 + 2 * 18],
  ])('with %i bad of a hundred, at %o: %i at most', async (_, bad, most) => {
    const users = Array.from({ length: 100 }, (_, at) =>
      bad.includes(at) ? BAD.replace('bad', `${sequence}-${at}`) : { id: `${sequence}-${at}` },
    );
    expect(await statementsOf(users)).toBeLessThanOrEqual(most);
  });
});

test('what a run asks of the store is asked at one instant, and cannot write', async () => {
  const begun = new Set<string>();
  const listening = function (this: pg.Client, ...args: unknown[]): unknown {
    if (String(args[0]).startsWith('begin')) begun.add(String(args[0]).split(';')[0] ?? '');
    return Reflect.apply(query, this, args);
  };
  pg.Client.prototype.query = listening as typeof query;
  await opened.store.workspace();
  await opened.store.countSeen(runId);
  await opened.store.countLiveUsers();
  await opened.store.unseenUsers(runId, null, 1);
  for await (const _ of opened.store.seenIds(runId)) break;
  expect([...begun]).toEqual(['begin isolation level repeatable read read only']);
});
