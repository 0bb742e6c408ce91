import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sendBatch } from '../../src/postgres/batch.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type PostgresProxy, startPostgresProxy, type Verdict } from '../support/postgres-proxy.ts';
import { rowsOf } from '../support/sync.ts';

let database: TestDatabase;
let proxy: PostgresProxy;
let client: pg.Client;
beforeEach(async () => {
  database = await createTestDatabase();
  await rowsOf(database.url, 'create table notes (note text)');
  proxy = await startPostgresProxy(database.url);
  client = new pg.Client({ connectionString: proxy.url });
  client.on('error', () => {});
  await client.connect();
});
afterEach(async () => {
  await proxy.close();
  await client.end().catch(() => {});
  await database.drop();
});

const insert = () => client.query('insert into notes values ($1)', ['here']);
const notes = () => rowsOf(database.url, 'select note from notes');
const judgeInserts = (verdict: Verdict) =>
  proxy.onStatement(({ text }) => (text.startsWith('insert') ? verdict : 'pass'));

test('statements pass, simple and with parameters, and each is seen with its text and number', async () => {
  const seen: string[] = [];
  proxy.onStatement(({ text, number, connection }) => {
    seen.push(`${connection}.${number} ${text}`);
  });
  await client.query('begin');
  await insert();
  expect((await client.query("select 'ä' as a, count(*)::int from notes")).rows).toEqual([
    { a: 'ä', count: 1 },
  ]);
  await client.query('commit');
  expect(await notes()).toEqual([{ note: 'here' }]);
  expect(seen).toEqual([
    '1.1 begin',
    '1.2 insert into notes values ($1)',
    "1.3 select 'ä' as a, count(*)::int from notes",
    '1.4 commit',
  ]);
});

test('a large statement and a large answer pass in pieces', async () => {
  const large = 'x'.repeat(3_000_000);
  expect((await client.query('select $1::text as large', [large])).rows).toEqual([{ large }]);
});

test('cut before: the statement is never carried out', async () => {
  judgeInserts('cut before');
  await expect(insert()).rejects.toThrow();
  expect(await notes()).toEqual([]);
});

test('cut after: the statement is carried out, and its answer never comes', async () => {
  judgeInserts('cut after');
  await expect(insert()).rejects.toThrow();
  expect(await notes()).toEqual([{ note: 'here' }]);
});

test('raise: the statement fails, and its transaction with it', async () => {
  judgeInserts({ raise: '40001' });
  await client.query('begin');
  await expect(insert()).rejects.toMatchObject({ code: '40001' });
  await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
  await client.query('rollback');
  expect(await notes()).toEqual([]);
});

test('freeze: one connection falls silent in front of a statement, until it thaws', async () => {
  judgeInserts('freeze');
  const answer = insert().then(() => 'answered');
  const other = new pg.Client({ connectionString: proxy.url });
  await other.connect();
  const others = other.query('select 1').then(() => 'others are answered');
  expect(await Promise.race([answer, others])).toBe('others are answered');
  expect(await notes()).toEqual([]);
  proxy.thaw();
  expect(await answer).toBe('answered');
  await other.end();
});

test('freeze of all: nothing moves, old or new, until it thaws', async () => {
  proxy.freeze();
  const answer = insert().then(() => 'answered');
  const other = new pg.Client({ connectionString: proxy.url });
  const connected = other.connect().then(() => 'connected');
  const looked = notes().then((found) => `${found.length} notes`);
  expect(await Promise.race([answer, connected, looked])).toBe('0 notes');
  proxy.thaw();
  expect(await answer).toBe('answered');
  expect(await connected).toBe('connected');
  await other.end();
});

test('an answer waits for whoever listens, with the statement carried out', async () => {
  const heard: unknown[] = [];
  proxy.onAnswer(async ({ text }) => {
    heard.push(text, await notes());
  });
  await insert();
  expect(heard).toEqual(['insert into notes values ($1)', [{ note: 'here' }]]);
});

test('a statement whose client dies before it is forwarded is carried out all the same', async () => {
  const carriedOut = new Promise<void>((resolve) => {
    proxy.onAnswer(() => resolve());
  });
  proxy.onStatement(() => {
    const { stream } = (client as unknown as { connection: { stream: NodeJS.WriteStream } })
      .connection;
    stream.destroy();
  });
  await expect(insert()).rejects.toThrow();
  await carriedOut;
  expect(await notes()).toEqual([{ note: 'here' }]);
});

test('cut: every connection is reset, and new ones are welcome', async () => {
  const lost = new Promise((resolve) => client.once('end', () => resolve('lost')));
  proxy.cut();
  expect(await lost).toBe('lost');
  expect(await rowsOf(proxy.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('refuse: nobody listens until it does again, at the same address', async () => {
  await proxy.refuse();
  await expect(rowsOf(proxy.url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await proxy.listen();
  expect(await rowsOf(proxy.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

describe('of statements that are sent together', () => {
  const asked: string[] = [];
  beforeEach(() => {
    asked.length = 0;
  });
  const plain = (text: string) => ({ text, values: [] });
  const note = { text: 'insert into notes values ($1)', values: ['here'] };
  const send = (...statements: Parameters<typeof sendBatch>[1]) =>
    sendBatch(client as unknown as pg.PoolClient, statements);
  const judge = (verdicts: Readonly<Record<string, Verdict>> = {}) =>
    proxy.onStatement(({ text }) => {
      asked.push(text);
      return verdicts[text];
    });

  test('each is seen, and carried out before the next is asked for', async () => {
    const heard: string[] = [];
    judge();
    proxy.onAnswer(({ text }) => {
      heard.push(`${text} of ${asked.length}`);
    });
    const results = await send(
      plain('begin'),
      note,
      plain('select note from notes'),
      plain('commit'),
    );
    expect(results.map(({ command }) => command)).toEqual(['BEGIN', 'INSERT', 'SELECT', 'COMMIT']);
    expect(results[2]?.rows).toEqual([{ note: 'here' }]);
    expect(heard).toEqual([
      'begin of 1',
      'insert into notes values ($1) of 2',
      'select note from notes of 3',
      'commit of 4',
    ]);
    expect(await notes()).toEqual([{ note: 'here' }]);
  });

  test.each(['cut before', 'cut after'] as const)('one may be %s by itself', async (verdict) => {
    judge({ commit: verdict });
    await expect(send(plain('begin'), note, plain('commit'))).rejects.toThrow();
    expect(await notes()).toEqual(verdict === 'cut before' ? [] : [{ note: 'here' }]);
  });

  test('none is asked for behind one that fails, and the next batch is', async () => {
    judge({ [note.text]: { raise: '40001' } });
    const failing = send(plain('begin'), note, plain('commit'));
    await expect(failing).rejects.toMatchObject({ sqlstate: '40001' });
    await send(plain('rollback'));
    expect(asked).toEqual(['begin', note.text, 'rollback']);
  });

  test('the last may fail as well', async () => {
    judge({ commit: { raise: '40001' } });
    const failing = send(plain('begin'), note, plain('commit'));
    await expect(failing).rejects.toMatchObject({ sqlstate: '40001' });
    await client.query('rollback');
    expect(await notes()).toEqual([]);
  });
});
