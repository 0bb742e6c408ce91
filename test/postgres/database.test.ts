import { getEventListeners, once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { DatabaseFault, isConnectionLoss } from '../../src/postgres/faults.ts';
import type { PipelinedTransaction, Transaction } from '../../src/postgres/transaction.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';

let created: TestDatabase;
let database: Database;
let other: pg.Client;

beforeAll(async () => {
  created = await createTestDatabase();
  database = openDatabase(created.url);
  other = new pg.Client({ connectionString: created.url });
  await other.connect();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  await other.end();
  await database.close();
  await created.drop();
});

const BOUNDS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];

async function showAll(client: Pick<pg.PoolClient, 'query'>): Promise<unknown[]> {
  const shown: unknown[] = [];
  for (const name of BOUNDS) shown.push((await client.query(`show ${name}`)).rows[0]?.[name]);
  return shown;
}

const addWorkspace = (tx: Transaction, name: string) =>
  tx.execute(sql`insert into intercom.workspaces (workspace) values (${name})`);
const countWorkspaces = async (tx: Transaction) =>
  (await tx.execute<{ n: number }>(sql`select count(*)::int as n from intercom.workspaces`)).rows[0]
    ?.n;
const pidOf = async (tx: Transaction) =>
  (await tx.execute(sql`select pg_backend_pid() as pid`)).rows[0]?.pid;

const show = (name: string) => ({ text: `show ${name}`, values: [] });
const refuse = () => {
  throw new TypeError('refused');
};

describe('a transaction', () => {
  test('has a bound on each statement, each lock and each silence', async () => {
    expect(await database.transaction(({ $client }) => showAll($client))).toEqual([
      '55s',
      '10s',
      '15s',
    ]);
  });

  test('may have bounds of its own: whole milliseconds, and never none at all', async () => {
    const own = { statementMaxMs: 1500.7, lockWaitMaxMs: 0, idleMaxMs: 20_000 };
    expect(await database.transaction(({ $client }) => showAll($client), own)).toEqual([
      '1500ms',
      '1ms',
      '20s',
    ]);
  });

  test('leaves its bounds behind with its end, for whoever has the connection next', async () => {
    const before = await showAll(other);
    let client: pg.PoolClient | null = null;
    await database.transaction(async ({ $client }) => {
      client = $client;
    });
    if (!client) throw new Error('no connection');
    expect(await showAll(client)).toEqual(before);
  });

  test('is known to the server by the name of the program', async () => {
    const shown = await database.transaction((tx) => tx.execute(sql`show application_name`));
    expect(shown.rows).toEqual([{ application_name: 'intercom-sync' }]);
  });

  test('that may only read cannot write', async () => {
    const write = database.transaction((tx) => addWorkspace(tx, 'no'), { isReadOnly: true });
    await expect(write).rejects.toMatchObject({ sqlstate: '25006' });
  });

  test.each([
    [false, 1],
    [true, 0],
  ])(
    'that is one instant (%s) sees so many of those that come meanwhile: %i',
    async (isSnapshot, seen) => {
      const difference = await database.transaction(
        async (tx) => {
          const before = await countWorkspaces(tx);
          await other.query('insert into intercom.workspaces (workspace) values ($1)', [
            `snapshot ${isSnapshot}`,
          ]);
          return ((await countWorkspaces(tx)) ?? 0) - (before ?? 0);
        },
        { isSnapshot },
      );
      expect(difference).toBe(seen);
    },
  );

  test('that is to be discarded leaves nothing', async () => {
    const before = await database.transaction(countWorkspaces);
    await database.transaction((tx) => addWorkspace(tx, 'discarded'), { isDiscarded: true });
    expect(await database.transaction(countWorkspaces)).toBe(before);
  });

  test('that fails hands back a connection that is as good as new', async () => {
    const pid = await database.transaction(pidOf);
    await expect(database.transaction((tx) => tx.execute(sql`select 1/0`))).rejects.toThrow();
    expect(await database.transaction(pidOf)).toBe(pid);
    const idle = await other.query('select state from pg_stat_activity where pid = $1', [pid]);
    expect(idle.rows).toEqual([{ state: 'idle' }]);
  });
});

describe('a transaction in two round trips', () => {
  const add = (name: string) => ({
    text: 'insert into intercom.workspaces (workspace) values ($1)',
    values: [name],
  });
  const FAILING = { text: 'select 1/0', values: [] };
  const seenByOthers = async () =>
    (await other.query('select count(*)::int as n from intercom.workspaces')).rows[0].n;

  test('is one transaction all the same', async () => {
    const before = await seenByOthers();
    await database.pipelined(async (tx) => {
      await tx.run(add('with the begin'));
      await tx.run(add('by itself'));
      await addWorkspace(tx, 'by drizzle');
      expect(await seenByOthers()).toBe(before);
      await tx.commitWith(add('with the commit'));
    });
    expect(await seenByOthers()).toBe(before + 4);
  });

  test.each([
    ['its first statement', (tx: PipelinedTransaction) => tx.run(show('lock_timeout'))],
    [
      'one of drizzle',
      async (tx: PipelinedTransaction) => (await tx.execute('show lock_timeout')).rows,
    ],
  ])('has its bounds from %s on', async (_, first) => {
    const shown = await database.pipelined(async (tx) => {
      const rows = await first(tx);
      await tx.commitWith(show('lock_timeout'));
      return rows;
    });
    expect(shown).toEqual([{ lock_timeout: '10s' }]);
  });

  test('gives the rows of the statement, and not those of its BEGIN or COMMIT', async () => {
    const numbers = { text: 'select n from generate_series($1::int, 3) as n', values: [2] };
    const read = await database.pipelined(async (tx) => [
      await tx.run(numbers),
      await tx.commitWith(numbers),
    ]);
    expect(read).toEqual([
      [{ n: 2 }, { n: 3 }],
      [{ n: 2 }, { n: 3 }],
    ]);
  });

  test.each([
    ['fails', FAILING, { sqlstate: '22012' }],
    [
      'cannot be sent',
      { text: 'select $1', values: [{ toPostgres: refuse }] },
      { message: 'refused' },
    ],
  ])(
    'commits nothing where the statement %s that its COMMIT was to go with',
    async (_, last, told) => {
      const before = await seenByOthers();
      const pid = await database.transaction(pidOf);
      const failing = database.pipelined(async (tx) => {
        await tx.run(add('not to be'));
        await tx.commitWith(last);
      });
      await expect(failing).rejects.toMatchObject(told);
      expect(await seenByOthers()).toBe(before);
      expect(await database.transaction(pidOf)).toBe(pid);
    },
  );

  test('does nothing where its BEGIN fails', async () => {
    const before = await seenByOthers();
    const work = (tx: PipelinedTransaction) => tx.run(add('not to be'));
    // More than a bound can be.
    const failing = database.pipelined(work, { lockWaitMaxMs: 1e12 });
    await expect(failing).rejects.toMatchObject({ sqlstate: '22023' });
    expect(await seenByOthers()).toBe(before);
  });

  test('does nothing more either, though its work goes on', async () => {
    const before = await seenByOthers();
    const failing = database.pipelined(
      async (tx) => {
        await tx.run(add('not to be')).catch(() => {});
        await addWorkspace(tx, 'nor this').catch(() => {});
        await tx.commitWith(add('nor that'));
      },
      { lockWaitMaxMs: 1e12 },
    );
    await expect(failing).rejects.toMatchObject({ sqlstate: '22023' });
    expect(await seenByOthers()).toBe(before);
  });

  test('sends nothing before its BEGIN, whatever is asked at once', async () => {
    const bound = () =>
      database.pipelined(async (tx) => {
        const [, shown] = await Promise.all([
          tx.run(show('lock_timeout')),
          tx.execute('show lock_timeout'),
        ]);
        await tx.commitWith(show('lock_timeout'));
        return shown.rows;
      });
    expect(await bound()).toEqual([{ lock_timeout: '10s' }]);
  });

  test.each([
    ['a statement', (tx: PipelinedTransaction) => tx.run(add('too late'))],
    ['one of drizzle', (tx: PipelinedTransaction) => addWorkspace(tx, 'too late')],
  ])('takes no %s behind its COMMIT', async (_, late) => {
    const before = await seenByOthers();
    const failing = database.pipelined(async (tx) => {
      await tx.commitWith(add(`before ${_}`));
      await late(tx);
    });
    await expect(failing).rejects.toThrow();
    expect(await seenByOthers()).toBe(before + 1);
  });

  test('that is left open is an error, and is rolled back', async () => {
    const before = await seenByOthers();
    await expect(database.pipelined((tx) => tx.run(add('left open')))).rejects.toThrow('left open');
    expect(await seenByOthers()).toBe(before);
  });

  test('that the server ends is a lost connection, whatever it had answered', async () => {
    const end = { text: 'select pg_terminate_backend(pg_backend_pid())', values: [] };
    await expect(database.pipelined((tx) => tx.run(end))).rejects.toSatisfy(isConnectionLoss);
  });
});

describe('a transaction that is of no use any more', () => {
  test('is cut off in the middle of a statement, and its connection is not used again', async () => {
    const stop = new AbortController();
    let pid: unknown;
    const sleeping = database.transaction(
      async (tx) => {
        pid = await pidOf(tx);
        setImmediate(() => stop.abort());
        await tx.execute(sql`select pg_sleep(50)`);
      },
      { signal: stop.signal },
    );
    await expect(sleeping).rejects.toSatisfy(isConnectionLoss);
    expect(await database.transaction(pidOf)).not.toBe(pid);
  });

  test('is cut off while it waits for something else', async () => {
    const stop = new AbortController();
    const waiting = database.transaction(
      async (tx) => {
        const { connection } = tx.$client as unknown as { connection: { stream: Socket } };
        stop.abort();
        // Not by a goodbye: a server that is heard no more would not answer it.
        expect(connection.stream.destroyed).toBe(true);
        await pidOf(tx);
      },
      { signal: stop.signal },
    );
    await expect(waiting).rejects.toSatisfy(isConnectionLoss);
  });

  test('is cut off before its first statement', async () => {
    let isBegun = false;
    const work = async () => {
      isBegun = true;
    };
    const signal = AbortSignal.abort();
    await expect(database.transaction(work, { signal })).rejects.toSatisfy(isConnectionLoss);
    expect(isBegun).toBe(false);
  });

  test('leaves nothing on the signal that others share', async () => {
    const { signal } = new AbortController();
    for (let times = 0; times < 3; times += 1) await database.transaction(pidOf, { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

test('a server that is heard no more is not asked to roll back, nor is its connection used again', async () => {
  const { query } = pg.Client.prototype;
  const sent: unknown[] = [];
  const listening = function (this: pg.Client, ...args: unknown[]): unknown {
    sent.push(args[0]);
    return Reflect.apply(query, this, args);
  };
  pg.Client.prototype.query = listening as typeof query;
  const pid = await database.transaction(pidOf);
  const silence = database.transaction(async () => {
    throw new DatabaseFault(null, 'nothing was heard', null);
  });
  await expect(silence).rejects.toThrow('nothing was heard');
  pg.Client.prototype.query = query;
  expect(sent).not.toContain('rollback');
  expect(await database.transaction(pidOf)).not.toBe(pid);
});

test('five connections are open at most, and the others wait for one', async () => {
  let open = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const all = Array.from({ length: 7 }, () =>
    database.transaction(async () => {
      open += 1;
      most = Math.max(most, open);
      if (open === 5) {
        // A sixth would have come by now.
        for (let turn = 0; turn < 50; turn += 1) await other.query('select 1');
        gate.resolve();
      }
      await gate.promise;
      open -= 1;
    }),
  );
  await Promise.all(all);
  expect(most).toBe(5);
});

test('a server that takes a connection and says nothing is given up on after ten seconds', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const silent = openDatabase(`postgres://ada:secret@127.0.0.1:${port}/x`);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const fault = silent.transaction(pidOf).catch((error: unknown) => error);
  const [socket] = await once(server, 'connection');
  vi.advanceTimersByTime(10_000);
  expect(isConnectionLoss(await fault)).toBe(true);
  vi.useRealTimers();
  await silent.close();
  socket.destroy();
  server.close();
  await once(server, 'close');
});

test('a database may be closed twice', async () => {
  const one = openDatabase(created.url);
  await one.transaction(pidOf);
  await one.close();
  await one.close();
});
