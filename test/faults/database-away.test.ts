import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { fenced } from '../../src/postgres/fence.ts';
import { acquireLease } from '../../src/postgres/lease.ts';
import type { Lease } from '../../src/postgres/renewal.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import {
  compareWithSource,
  EQUAL,
  environmentFor,
  rowsOf,
  syncHere,
  TOKEN,
} from '../support/sync.ts';

let created: TestDatabase;
let proxy: PostgresProxy;
beforeEach(async () => {
  created = await createTestDatabase();
  proxy = await startPostgresProxy(created.url);
});
afterEach(async () => {
  await proxy.close();
  await created.drop();
});

/** Past the proxy, where the database was never away. */
const leaseRow = async () => {
  const [row] = await rowsOf<{ is_live: boolean; fence: string }>(
    created.url,
    'select expires_at > clock_timestamp() as is_live, fence from intercom.sync_leases',
  );
  return row;
};
const leaseIs = (isLive: boolean) =>
  vi.waitUntil(async () => (await leaseRow())?.is_live === isLive, { timeout: 60_000 });

describe('a lease whose database is away for longer than its life', () => {
  let database: Database;
  let lease: Lease;
  beforeEach(async () => {
    database = openDatabase(proxy.url);
    lease = await acquireLease(database, {
      workspace: 'default',
      owner: 'test:1',
      leaseSeconds: 1,
      wait: false,
      signal: new AbortController().signal,
    });
    return async () => {
      await lease.release();
      await database.close();
    };
  });

  test('is taken up again when it is back, if nobody else took it', async () => {
    await proxy.refuse();
    await leaseIs(false);
    await proxy.listen();
    await leaseIs(true);
    expect(lease.lost.aborted).toBe(false);
    expect(await leaseRow()).toMatchObject({ fence: String(lease.fence) });
  });

  test('lets a write go on that began while it was away', async () => {
    await proxy.refuse();
    await leaseIs(false);
    const write = fenced(database, lease, (tx) => tx.execute('select 1'));
    await proxy.listen();
    await expect(write).resolves.toMatchObject({ rowCount: 1 });
  });

  test('is lost if another run took it meanwhile, and nothing is written', async () => {
    await proxy.refuse();
    await leaseIs(false);
    await rowsOf(
      created.url,
      `update intercom.sync_leases set owner = 'other:2', fence = fence + 1,
         expires_at = clock_timestamp() + interval '1 hour'`,
    );
    let writes = 0;
    const write = fenced(database, lease, async () => {
      writes += 1;
    });
    await proxy.listen();
    await expect(write).rejects.toMatchObject({ kind: 'busy' });
    if (!lease.lost.aborted) await once(lease.lost, 'abort');
    expect(writes).toBe(0);
    expect(await leaseRow()).toMatchObject({ is_live: true, fence: String(lease.fence + 1n) });
  });
});

test('a scroll whose database was away until lease and cursor were dead begins anew, and loses nobody', async () => {
  let aheadMs = 0;
  const simulator = await startSimulator({
    users: 1_000,
    token: TOKEN,
    now: () => new Date(Date.now() + aheadMs),
    // A list that ends early, so that a small workspace is read by scroll.
    faults: { limitRows: 100 },
  });
  let pages = 0;
  const stopWatching = proxy.onStatement(async ({ text }) => {
    if (!/insert into "intercom"."users"/.test(text)) return;
    pages += 1;
    if (pages !== 5) return;
    stopWatching();
    await proxy.refuse();
    void comeBack();
  });
  const comeBack = async () => {
    await leaseIs(false);
    aheadMs = 61_000;
    await proxy.listen();
  };
  const env = environmentFor(simulator.url, proxy.url, { SYNC_LEASE_SECONDS: '3' });
  const { json, events } = await syncHere(env);
  expect(json).toMatchObject({ status: 'succeeded', limit_reached: true });
  expect(events.map(({ event }) => event)).toContain('intercom_scroll_lost');
  expect(await compareWithSource(created.url, simulator)).toEqual(EQUAL);
  await simulator.close();
});
