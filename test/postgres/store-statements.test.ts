import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/postgres/store.ts';
import type { LeasedStore } from '../../src/sync/store.ts';
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

/** How often a page waits for an answer of the server. */
async function tripsOf(
  users: Parameters<typeof pageOf>[2],
  changes = {},
  store: LeasedStore = opened.store,
): Promise<number> {
  sequence += 1;
  let trips = 0;
  const counting = function (this: pg.Client, ...args: unknown[]): unknown {
    trips += 1;
    return Reflect.apply(query, this, args);
  };
  pg.Client.prototype.query = counting as typeof query;
  await store.writePage(pageOf(runId, sequence, users, changes));
  pg.Client.prototype.query = query;
  return trips;
}

describe('a page is written in so many round trips and no more', () => {
  test('three are those of the first page, which asks whether rejects are open', async () => {
    expect(await tripsOf([{ id: 'first' }])).toBe(3);
  });

  test('two: begin and users, checkpoint and commit', async () => {
    expect(await tripsOf([{ id: 'a' }, { id: 'b' }])).toBe(2);
  });

  test('one where nobody is on it', async () => {
    expect(await tripsOf([])).toBe(1);
  });

  test('one more where a user without an id is set aside, and on each page while one is open', async () => {
    const reject = { position: 0, userId: null, reason: 'id: must be a non-empty string' };
    const changes = { seenIds: [], rejects: [reject] };
    const chosen = [{ position: 1, id: 'c', isRepeat: false }];
    expect(await tripsOf([{ name: 'nobody' }, { id: 'c' }], { ...changes, chosen })).toBe(3);
    expect(await tripsOf([{ id: 'd' }])).toBe(3);
    await opened.rows('delete from intercom.rejected_users');
    expect(await tripsOf([{ id: 'e' }])).toBe(3);
    expect(await tripsOf([{ id: 'f' }])).toBe(2);
  });

  test('a reject that an earlier run left open costs one, that of another workspace none', async () => {
    await opened.rows(`insert into intercom.rejected_users
        (workspace, user_id, reason, payload, first_seen_at, last_seen_at)
      select name, 'x', 'sqlstate 22003', '{}', now(), now()
      from unnest(array['default', 'other']) as name`);
    const next = openStore(opened.database, opened.lease);
    for (const id of ['g', 'h', 'x', 'i']) expect(await tripsOf([{ id }], {}, next)).toBe(3);
    expect(await tripsOf([{ id: 'j' }], {}, next)).toBe(2);
  });

  // Two for the page as it came, six around its users, and two for each time that some are tried.
  test.each([
    [1, [50], 2 + 6 + 2 * 9],
    [2, [13, 77], 2 + 6 + 2 * 18],
    [2, [0, 99], 2 + 6 + 2 * 18],
  ])('with %i bad of a hundred, at %o: %i at most', async (_, bad, most) => {
    const users = Array.from({ length: 100 }, (_, at) =>
      bad.includes(at) ? BAD.replace('bad', `${sequence}-${at}`) : { id: `${sequence}-${at}` },
    );
    expect(await tripsOf(users)).toBeLessThanOrEqual(most);
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
