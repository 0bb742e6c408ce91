import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;

beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
});

afterAll(() => opened.close());

const landed = (sequence: number) =>
  opened.value<boolean>(
    'select exists (select 1 from intercom.sync_checkpoints where sequence = $1)',
    [sequence],
  );
const userIds = async () =>
  (await opened.rows<{ id: string }>('select id from intercom.users order by id')).map(
    ({ id }) => id,
  );
const waiting = `select count(*)::integer from pg_stat_activity
  where datname = current_database() and state = 'idle in transaction' and query not like 'begin%'`;

/** A page whose users are written, and that waits for the one before it. */
async function begin(sequence: number) {
  const before = Promise.withResolvers<boolean>();
  const page = opened.store.writePage(
    pageOf(runId, sequence, [{ id: `user${sequence}` }], { before: before.promise }),
  );
  page.catch(() => {});
  await vi.waitUntil(async () => (await opened.value<number>(waiting)) === 1, { timeout: 60_000 });
  return { page, before };
}

test('a page lands once the one before it has, and not earlier', async () => {
  const { page, before } = await begin(2);
  expect(await landed(2)).toBe(false);
  await opened.store.writePage(pageOf(runId, 1, [{ id: 'user1' }]));
  before.resolve(true);
  expect(await page).toMatchObject({ inserted: 1 });
  expect(await userIds()).toEqual(['user1', 'user2']);
});

test('a page whose connection is lost while it waits lands all the same', async () => {
  const { page, before } = await begin(7);
  await opened.rows(waiting.replace('count(*)::integer', 'pg_terminate_backend(pid)'));
  before.resolve(true);
  expect(await page).toMatchObject({ inserted: 1 });
  expect(await landed(7)).toBe(true);
});

test('a page that is refused a lock waits for the one before it, and is tried again then', async () => {
  await opened.store.writePage(pageOf(runId, 8, [{ id: 'user8' }]));
  const holder = new pg.Client({ connectionString: opened.url });
  await holder.connect();
  await holder.query(`begin; select 1 from intercom.users where id = 'user8' for update`);
  const before = Promise.withResolvers<boolean>();
  const page = opened.store.writePage(
    pageOf(runId, 9, [{ id: 'user8', n: 2 }], { before: before.promise }),
  );
  const theirs = `from pg_stat_activity where datname = current_database()
    and application_name = 'intercom-sync' and wait_event_type = 'Lock'`;
  const count = async () => opened.value<number>(`select count(*)::integer ${theirs}`);
  await vi.waitUntil(async () => (await count()) === 1, { timeout: 60_000 });
  await opened.rows(`select pg_terminate_backend(pid) ${theirs}`);
  await vi.waitUntil(async () => (await count()) === 0, { timeout: 60_000 });
  // Time enough for a try that does not wait: it would come to the same lock at once.
  for (let look = 0; look < 50; look += 1) expect(await count()).toBe(0);
  await holder.query('rollback');
  await holder.end();
  before.resolve(true);
  expect(await page).toMatchObject({ updated: 1 });
});

test('a page lands nowhere when the one before it has not', async () => {
  const { page, before } = await begin(3);
  before.resolve(false);
  await expect(page).rejects.toThrow('the page before did not land');
  expect(await landed(3)).toBe(false);
  expect(await userIds()).not.toContain('user3');
});

test('a page that waits for the one before it keeps nobody from renewing the lease', async () => {
  const { page, before } = await begin(4);
  await opened.rows(`set lock_timeout = '5s'`);
  const renewal = `update intercom.sync_leases set expires_at = expires_at + interval '1 s'`;
  const renewed = await opened.rows(renewal).then(
    () => true,
    () => false,
  );
  // First of all it must not be left waiting, or nothing here can be closed.
  before.resolve(true);
  await page;
  expect(renewed).toBe(true);
});
