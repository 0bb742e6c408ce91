import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SyncError } from '../../src/errors.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import {
  isConnectionLoss,
  isRefusedData,
  isRetryable,
  translateFault,
} from '../../src/postgres/faults.ts';
import type { Transaction } from '../../src/postgres/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

let created: TestDatabase;
let database: Database;
const opened: Database[] = [];
const open = (url: string, options?: { answerMaxMs: number }) => {
  const one = openDatabase(url, options);
  opened.push(one);
  return one;
};

beforeAll(async () => {
  created = await createTestDatabase();
  database = openDatabase(created.url);
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  await database.close();
  await created.drop();
});

const faultOf = (work: (tx: Transaction) => Promise<unknown>, on: Database = database) =>
  on.transaction(work).then(
    () => {
      throw new Error('nothing went wrong');
    },
    (error: unknown) => error,
  );

/** The address of the test database with something changed. */
const changed = (change: (url: URL) => void) => {
  const url = new URL(created.url);
  change(url);
  return url.href;
};

const PLANTED = 'planted@example.org';

describe('an error of the database', () => {
  test.each([
    [
      'a value that is refused',
      (tx: Transaction) => tx.execute(sql`select ${PLANTED}::text::integer`),
      '22P02',
    ],
    [
      'JSON that is refused',
      (tx: Transaction) => tx.execute(sql`select ${`{"email":"${PLANTED}"`}::jsonb`),
      '22P02',
    ],
    [
      'a row that breaks a rule',
      (tx: Transaction) =>
        tx.execute(
          sql`insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at) values ('w', ${PLANTED}, 'users', ${`{"email":"${PLANTED}"}`}::jsonb, null, now())`,
        ),
      '23502',
    ],
    [
      'a row that is there',
      async (tx: Transaction) => {
        const row = sql`insert into intercom.workspaces (workspace) values (${PLANTED})`;
        await tx.execute(row);
        await tx.execute(row);
      },
      '23505',
    ],
  ])('says nothing of %s', async (_, work, sqlstate) => {
    const fault = await faultOf(work);
    expect(fault).toMatchObject({ name: 'SyncError', kind: 'database', sqlstate });
    expect(isRefusedData(fault)).toBe(true);
    expect(isRetryable(fault)).toBe(false);
    expect(inspect(fault, { depth: 9, showHidden: true })).not.toContain(PLANTED);
    expect((fault as SyncError).message).toContain(sqlstate);
    expect((fault as Error).cause).toBeUndefined();
  });

  test('names table and constraint', async () => {
    const row = sql`insert into intercom.workspaces (workspace) values ('same')`;
    const fault = await faultOf(async (tx) => {
      await tx.execute(row);
      await tx.execute(row);
    });
    expect((fault as SyncError).message).toContain('table workspaces, constraint workspaces_pkey');
  });

  test('that nobody noticed inside a transaction is not taken for a commit', async () => {
    const fault = await faultOf(async (tx) => {
      await tx.execute(sql`select 1/0`).catch(() => undefined);
    });
    expect(fault).toMatchObject({ message: 'a failed transaction was committed' });
  });

  test('about its own bounds is told as such', async () => {
    const slow = database.transaction((tx) => tx.execute(sql`select pg_sleep(600)`), {
      statementMaxMs: 20,
    });
    await expect(slow).rejects.toMatchObject({ sqlstate: '57014' });
  });
});

test('a bug passes untouched, and its transaction leaves nothing', async () => {
  const bug = new TypeError('a bug');
  const fault = await faultOf(async (tx) => {
    await tx.execute(sql`insert into intercom.workspaces (workspace) values ('buggy')`);
    throw bug;
  });
  expect(fault).toBe(bug);
  expect(translateFault(bug)).toBe(bug);
  expect(isRetryable(bug) || isConnectionLoss(bug) || isRefusedData(bug)).toBe(false);
  const found = await database.transaction((tx) =>
    tx.execute(sql`select 1 from intercom.workspaces where workspace = 'buggy'`),
  );
  expect(found.rows).toEqual([]);
});

describe('a database that cannot be reached', () => {
  const nothing = async () => undefined;

  test.each([
    [
      'nobody listens',
      () =>
        changed((url) => {
          url.host = '127.0.0.1:1';
        }),
      'ECONNREFUSED',
      true,
    ],
    [
      'the host is unknown',
      () =>
        changed((url) => {
          url.hostname = 'nowhere.invalid';
        }),
      /ENOTFOUND|EAI_AGAIN/,
      true,
    ],
    [
      'the database is not there',
      () =>
        changed((url) => {
          url.pathname = '/nowhere';
        }),
      '3D000',
      false,
    ],
    [
      'TLS is asked for and not offered',
      () =>
        changed((url) => {
          url.searchParams.set('sslmode', 'verify-full');
        }),
      'TLS',
      false,
    ],
  ])('says so when %s', async (_, url, said, isLoss) => {
    const fault = (await faultOf(nothing, open(url()))) as SyncError;
    expect(fault).toMatchObject({ name: 'SyncError', kind: 'database', hint: expect.any(String) });
    expect(fault.message).toMatch(said);
    expect(isConnectionLoss(fault)).toBe(isLoss);
  });

  test.each(['postgres://u:secret@[bad/x', 'postgres://u:secret@h/x?sslrootcert=/no/such.pem'])(
    'is a setting when its address is none: %s',
    async (url) => {
      const fault = await faultOf(nothing, open(url));
      expect(fault).toMatchObject({ name: 'SyncError', kind: 'settings' });
      expect(inspect(fault, { depth: 9, showHidden: true })).not.toContain('secret');
    },
  );

  test('refuses a wrong password in words, without it', async () => {
    const server = createServer((socket) => {
      const fields = [
        'SFATAL',
        'VFATAL',
        'C28P01',
        'Mpassword authentication failed for user "ada"',
        '',
      ];
      const body = Buffer.from(`${fields.join('\0')}\0`);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length + 4);
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, body])));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const fault = await faultOf(nothing, open(`postgres://ada:secret@127.0.0.1:${port}/x`));
    expect(fault).toMatchObject({ sqlstate: '28P01', hint: expect.stringContaining('password') });
    expect(inspect(fault)).not.toMatch(/secret|ada/);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a connection that is lost', () => {
  const kill = async (pid: unknown) => {
    const client = new pg.Client({ connectionString: created.url });
    await client.connect();
    await client.query('select pg_terminate_backend($1, 10000)', [pid]);
    await client.end();
  };
  const pidOf = async (tx: Transaction) =>
    (await tx.execute(sql`select pg_backend_pid() as pid`)).rows[0]?.pid;

  test('in the middle of a transaction is one that can be tried again', async () => {
    const fault = await faultOf(async (tx) => {
      await kill(await pidOf(tx));
      await tx.execute(sql`select 1`);
    });
    expect(isConnectionLoss(fault)).toBe(true);
    expect(isRetryable(fault)).toBe(true);
  });

  test('while it is idle harms nobody', async () => {
    await kill(await database.transaction(pidOf));
    expect(await database.transaction(pidOf)).toEqual(expect.any(Number));
  });

  test('because nothing is heard any more is given up, and not used again', async () => {
    const impatient = open(created.url, { answerMaxMs: 3_000 });
    const before = await impatient.transaction(pidOf);
    const fault = await faultOf((tx) => tx.execute(sql`select pg_sleep(600)`), impatient);
    expect(isConnectionLoss(fault)).toBe(true);
    const after = await impatient.transaction(pidOf);
    expect(after).not.toBe(before);
    await kill(before);
  });

  test('because a batch is not answered is given up as well', async () => {
    const impatient = open(created.url, { answerMaxMs: 3_000 });
    const before = await impatient.transaction(pidOf);
    const fault = await impatient
      .pipelined((tx) => tx.run({ text: 'select pg_sleep(600)', values: [] }))
      .catch((error: unknown) => error);
    expect(isConnectionLoss(fault)).toBe(true);
    await kill(before);
  });

  test('because nothing is heard is given up in time, though more is asked meanwhile', async () => {
    const impatient = open(created.url, { answerMaxMs: 3_000 });
    const before = await impatient.transaction(pidOf);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const fault = faultOf(async ({ $client }) => {
      const silent = $client.query('select pg_sleep(600)');
      vi.advanceTimersByTime(2_000);
      const asked = $client.query('select 1');
      vi.advanceTimersByTime(1_001);
      await Promise.all([silent, asked]);
    }, impatient);
    expect(String(await fault)).toContain('terminated');
    vi.useRealTimers();
    await kill(before);
  });

  test('or answers leaves no timer of a query_timeout in the URL behind', async () => {
    const url = new URL(created.url);
    url.searchParams.set('query_timeout', '3600000');
    const bounded = open(url.href);
    const send = () => bounded.pipelined((tx) => tx.commitWith({ text: 'select 1', values: [] }));
    const timers = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await send();
    const before = timers();
    await send();
    await send();
    expect(timers()).toBe(before);
  });

  test('is none where all that was asked has been answered, in a transaction or between two', async () => {
    const impatient = open(created.url, { answerMaxMs: 3_000 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const before = await impatient.transaction(async (tx) => {
      await pidOf(tx);
      vi.advanceTimersByTime(3_001);
      return pidOf(tx);
    });
    vi.advanceTimersByTime(3_001);
    expect(await impatient.transaction(pidOf)).toBe(before);
  });

  test('does not keep a database from being closed', async () => {
    const hanging = openDatabase(created.url);
    const started = Promise.withResolvers<unknown>();
    const fault = faultOf(async (tx) => {
      started.resolve(await pidOf(tx));
      await tx.execute(sql`select pg_sleep(600)`);
    }, hanging);
    const pid = await started.promise;
    await hanging.close();
    expect(isConnectionLoss(await fault)).toBe(true);
    await kill(pid);
  });
});
