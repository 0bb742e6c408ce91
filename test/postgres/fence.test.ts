import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { reconnecting } from '../../src/postgres/fence.ts';
import type { Transaction } from '../../src/postgres/transaction.ts';
import type { LeasedStore } from '../../src/sync/store.ts';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;

beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
  await opened.store.writePage(pageOf(runId, 1, [{ id: 'known' }]));
});
afterAll(() => opened.close());

const writes: Record<string, (store: LeasedStore) => Promise<unknown>> = {
  startRun: (store) => store.startRun(FULL_RUN),
  writePage: (store) => store.writePage(pageOf(runId, 2, [{ id: 'late' }])),
  'writePage of what Postgres refuses': (store) =>
    store.writePage(pageOf(runId, 2, ['{"id":"late","n":1e999999}'])),
  'writePage of a page written before': (store) =>
    store.writePage(pageOf(runId, 1, [{ id: 'known' }])),
  writeUsers: (store) => store.writeUsers(pageOf(runId, 0, [{ id: 'late' }])),
  setRunWatermark: (store) => store.setRunWatermark(runId, new Date(0)),
  markLimitReached: (store) => store.markLimitReached(runId),
  bindApp: (store) => store.bindApp('other'),
  markDeleted: (store) => store.markDeleted(runId, ['known']),
  prune: (store) => store.prune(0),
  finishRun: (store) =>
    store.finishRun({
      runId,
      status: 'succeeded',
      watermark: new Date(0),
      isOver: true,
      errorKind: null,
      errorMessage: null,
    }),
};

const everything = () =>
  opened.rows(`select (select json_agg(u) from intercom.users u) as users,
    (select json_agg(r) from intercom.sync_runs r) as runs,
    (select json_agg(c) from intercom.sync_checkpoints c) as checkpoints,
    (select json_agg(w) from intercom.workspaces w) as workspaces,
    (select json_agg(x) from intercom.rejected_users x) as rejects`);

const losses = {
  'has expired': `expires_at = clock_timestamp() - interval '1 microsecond'`,
  'was taken over': `fence = fence + 1, expires_at = clock_timestamp() + interval '1 hour'`,
};

describe.each(Object.entries(losses))('once the lease %s', (_, loss) => {
  beforeEach(async () => {
    await opened.rows(
      `update intercom.sync_leases set fence = $1, expires_at = clock_timestamp() + interval '1 hour'`,
      [opened.lease.fence],
    );
  });

  test.each(Object.entries(writes))('%s is refused and writes nothing', async (_name, write) => {
    await opened.rows(`update intercom.sync_leases set ${loss}`);
    const before = await everything();
    await expect(write(opened.store)).rejects.toMatchObject({ kind: 'busy' });
    expect(await everything()).toEqual(before);
  });
});

/** Writes a page that comes to a halt where it needs what `lock` locks. `go` lets it on. */
async function writeHalted(lock: string, sequence: number) {
  await opened.rows(
    `update intercom.sync_leases set fence = $1, expires_at = clock_timestamp() + interval '1 hour'`,
    [opened.lease.fence],
  );
  const client = new pg.Client({ connectionString: opened.url });
  await client.connect();
  await client.query('begin');
  await client.query(lock);
  const page = opened.store.writePage(pageOf(runId, sequence, [{ id: 'known', n: sequence }]));
  page.catch(() => {});
  const isWaiting = `select exists (select 1 from pg_stat_activity where datname = current_database()
    and application_name = 'intercom-sync' and wait_event_type = 'Lock') as waits`;
  await vi.waitUntil(() => opened.value<boolean>(isWaiting), { timeout: 60_000 });
  const go = async () => {
    await client.query('rollback');
    await client.end();
  };
  return { page, go };
}

test('no successor takes over while a page lands', async () => {
  const { page, go } = await writeHalted('select 1 from intercom.sync_runs for update', 3);
  await opened.rows(`set lock_timeout = '50ms'`);
  await expect(opened.rows('update intercom.sync_leases set fence = fence + 1')).rejects.toThrow(
    'lock timeout',
  );
  await go();
  expect(await page).toMatchObject({ updated: 1 });
});

test('a page whose lease is taken before it lands leaves nothing', async () => {
  const before = await opened.rows('select raw, last_changed_at from intercom.users');
  const { page, go } = await writeHalted('select 1 from intercom.users for update', 4);
  await opened.rows('update intercom.sync_leases set fence = fence + 1');
  await go();
  await expect(page).rejects.toMatchObject({ kind: 'busy' });
  expect(await opened.rows('select raw, last_changed_at from intercom.users')).toEqual(before);
  const checkpoint = 'select exists (select 1 from intercom.sync_checkpoints where sequence = 4)';
  expect(await opened.value<boolean>(checkpoint)).toBe(false);
});

test('a write that is under way when the lease is lost is cut off, and what was lost is told', async () => {
  const loss = new AbortController();
  const write = async (tx: Transaction) => {
    setImmediate(() => loss.abort(new Error('the lease is lost')));
    await tx.execute(sql`select pg_sleep(50)`);
  };
  const writing = reconnecting({ ...opened.lease, lost: loss.signal }, (options) =>
    opened.database.transaction(write, options),
  );
  await expect(writing).rejects.toThrow('the lease is lost');
});

test('every write of the store is in the table above', () => {
  const readers = [
    'lost',
    'release',
    'workspace',
    'countSeen',
    'seenIds',
    'countLiveUsers',
    'unseenUsers',
  ];
  const named = Object.keys(writes).map((name) => name.split(' ')[0]);
  expect(Object.keys(opened.store).sort()).toEqual([...new Set([...named, ...readers])].sort());
});
