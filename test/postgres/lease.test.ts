import { once } from 'node:events';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { DatabaseFault } from '../../src/postgres/faults.ts';
import { fenced, leaseLost } from '../../src/postgres/fence.ts';
import { acquireLease } from '../../src/postgres/lease.ts';
import type { Lease } from '../../src/postgres/renewal.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { leaseRequest } from './opened.ts';

let created: TestDatabase;
let database: Database;
let client: pg.Client;
let held: Lease[];

beforeEach(async () => {
  created = await createTestDatabase();
  database = openDatabase(created.url);
  client = new pg.Client({ connectionString: created.url });
  await client.connect();
  held = [];
});
afterEach(async () => {
  await Promise.all(held.map((lease) => lease.release()));
  await client.end();
  await database.close();
  await created.drop();
});

async function acquire(request: Parameters<typeof leaseRequest>[0] = {}): Promise<Lease> {
  const lease = await acquireLease(database, leaseRequest(request));
  held.push(lease);
  return lease;
}

const leaseRow = async () => (await client.query('select * from intercom.sync_leases')).rows[0];
/** A holder that lives elsewhere, and does not renew. */
const plantLease = (expiresIn: string) =>
  client.query(
    `insert into intercom.sync_leases values ('default', 'elsewhere:7', 41, clock_timestamp() + $1)`,
    [expiresIn],
  );

describe('a free workspace', () => {
  test('is taken at once, and the fence grows each time', async () => {
    const first = await acquire();
    expect(first.fence).toBe(1n);
    await first.release();
    expect((await leaseRow()).expires_at.getTime()).toBeLessThanOrEqual(Date.now());
    expect((await acquire()).fence).toBe(3n);
    expect(first.lost.aborted).toBe(false);
  });

  test('is given to one of several', async () => {
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map((n) => acquire({ owner: `test:${n}`, leaseSeconds: 1 })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
    ]);
  });

  test('does not stand in the way of another', async () => {
    await acquire({ workspace: 'acme' });
    expect((await acquire({ workspace: 'beta' })).fence).toBe(1n);
  });
});

describe('a held workspace', () => {
  test('whose holder renews is busy, and the message says who has it', async () => {
    await acquire({ owner: 'host-a:11', leaseSeconds: 1 });
    await expect(acquire({ owner: 'host-b:12' })).rejects.toMatchObject({
      kind: 'busy',
      message: expect.stringContaining('host-a:11'),
    });
  });

  test('whose holder does not renew is taken over when its lease is at its end', async () => {
    await plantLease('1 second');
    const lease = await acquire();
    expect(lease.fence).toBe(42n);
    expect((await leaseRow()).owner).toBe('test:1');
  });

  test('is waited for when asked to, through its renewals', async () => {
    const first = await acquire({ leaseSeconds: 1 });
    const second = acquire({ wait: true, owner: 'patient:1' });
    const { expires_at: before } = await leaseRow();
    await vi.waitUntil(async () => (await leaseRow()).expires_at > before, { timeout: 60_000 });
    await first.release();
    expect((await second).fence).toBe(3n);
  });

  test('is waited for until somebody asks to stop', async () => {
    await plantLease('1 hour');
    const stop = new AbortController();
    const waiting = acquire({ wait: true, signal: stop.signal });
    stop.abort(new Error('asked to stop'));
    await expect(waiting).rejects.toThrow('asked to stop');
  });

  test('whose holder stopped inside its transaction is taken over, and the holder cannot go on', async () => {
    await plantLease('1 second');
    const stopped = {
      workspace: 'default',
      fence: 41n,
      leaseSeconds: 1,
      lost: new AbortController().signal,
      hasRunOut: () => false,
      reclaim: () => Promise.reject(leaseLost({ workspace: 'default' })),
    };
    const wakeUp = Promise.withResolvers<void>();
    const asleep = Promise.withResolvers<void>();
    const page = fenced(database, stopped, async (tx) => {
      asleep.resolve();
      await wakeUp.promise;
      await tx.execute(`update intercom.sync_leases set owner = 'too late'`);
    });
    await asleep.promise;
    expect((await acquire()).fence).toBe(42n);
    wakeUp.resolve();
    await expect(page).rejects.toMatchObject({ kind: 'busy' });
    expect((await leaseRow()).owner).toBe('test:1');
  });
});

describe('a lease', () => {
  const lossOf = async ({ lost }: Lease) => {
    if (!lost.aborted) await once(lost, 'abort');
    return lost.reason;
  };

  test('is renewed as long as it is held', async () => {
    const lease = await acquire({ leaseSeconds: 1 });
    for (let renewals = 0; renewals < 4; renewals += 1) {
      const { expires_at: before } = await leaseRow();
      await vi.waitUntil(async () => (await leaseRow()).expires_at > before, { timeout: 60_000 });
    }
    expect(lease.lost.aborted).toBe(false);
  });

  test('is lost when another has it', async () => {
    const lease = await acquire({ leaseSeconds: 1 });
    await client.query(`update intercom.sync_leases set fence = 9, expires_at = now() + '1 hour'`);
    expect(await lossOf(lease)).toMatchObject({
      kind: 'busy',
      message: expect.stringContaining('another run holds it'),
    });
    await lease.release();
    expect((await leaseRow()).expires_at.getTime()).toBeGreaterThan(Date.now());
  });

  test('is lost when the database does not let it be renewed in time', async () => {
    const lease = await acquire({ leaseSeconds: 1, awayMaxMs: 200 });
    await client.query('begin');
    await client.query('select 1 from intercom.sync_leases for update');
    expect(await lossOf(lease)).toMatchObject({ kind: 'database' });
    await client.query('rollback');
  });

  test('is lost by a process that was stopped past its end, though nobody else took it', async () => {
    const lease = await acquire({ leaseSeconds: 1 });
    // A process that stands still runs no timers, and its clock goes on.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100);
    expect(await lossOf(lease)).toMatchObject({ kind: 'busy' });
    expect((await leaseRow()).expires_at.getTime()).toBeLessThan(Date.now());
  });

  test('that is handed back gets no new life from a renewal that was under way', async () => {
    const lease = await acquire({ leaseSeconds: 1 });
    await lease.release();
    await lease.reclaim();
    expect((await leaseRow()).expires_at.getTime()).toBeLessThanOrEqual(Date.now());
    expect(lease.lost.aborted).toBe(false);
  });

  test('that ran out before it is handed back gets no new life from such a renewal either', async () => {
    const lease = await acquire({ leaseSeconds: 1 });
    await client.query(`update intercom.sync_leases set expires_at = now() - interval '1 hour'`);
    await lease.release();
    await lease.reclaim();
    expect((await leaseRow()).expires_at.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test('that ran out while the database was away is taken up again by the first who needs it', async () => {
    let isAway = false;
    const blinking: Database = {
      ...database,
      transaction: (work, options) =>
        isAway
          ? Promise.reject(new DatabaseFault(null, 'away', null))
          : database.transaction(work, options),
    };
    const lease = await acquireLease(blinking, leaseRequest({ leaseSeconds: 1 }));
    held.push(lease);
    isAway = true;
    const hasRunOut = async () => (await leaseRow()).expires_at.getTime() < Date.now();
    await vi.waitUntil(hasRunOut, { timeout: 60_000 });
    isAway = false;
    await fenced(blinking, lease, async (tx) => {
      await tx.execute(`update intercom.sync_leases set owner = 'written'`);
    });
    expect((await leaseRow()).owner).toBe('written');
    expect(lease.lost.aborted).toBe(false);
  });

  test('is handed back without a word when the database is gone', async () => {
    const lease = await acquire();
    await database.close();
    await lease.release();
    expect(lease.lost.aborted).toBe(false);
  });

  test('cannot be taken over while a page is written under it', async () => {
    const lease = await acquire();
    await fenced(database, lease, async () => {
      await client.query(`set lock_timeout = '50ms'`);
      await expect(
        client.query('update intercom.sync_leases set fence = fence + 1'),
      ).rejects.toThrow('lock timeout');
    });
  });
});
