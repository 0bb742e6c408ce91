import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cutOff } from '../../src/postgres/client.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { migrateDatabase, migrationState } from '../../src/postgres/migrate.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/postgres.ts';

let created: TestDatabase;
let database: Database;
let client: pg.Client;

beforeEach(async () => {
  created = await createEmptyDatabase();
  database = openDatabase(created.url);
  client = new pg.Client({ connectionString: created.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.close();
  await created.drop();
});

/** Every object of the schema with its oid: made anew, it would have another. */
const objects = async () =>
  (
    await client.query(
      `select relname, relkind, oid, relfilenode from pg_class
       where relnamespace = 'intercom'::regnamespace order by relname`,
    )
  ).rows;

test('a migration installs the schema; a second one does no harm', async () => {
  expect(await migrationState(database)).toBe('empty');
  await migrateDatabase(created.url);
  expect(await migrationState(database)).toBe('current');
  const before = await objects();
  expect(before.map((row) => row.relname)).toEqual(
    expect.arrayContaining(['users', 'user_tags', 'sync_runs', 'sync_checkpoints', 'sync_leases']),
  );
  await migrateDatabase(created.url);
  expect(await objects()).toEqual(before);
});

test.each([2, 6])('%i migrators at once on an empty database all succeed', async (count) => {
  await Promise.all(Array.from({ length: count }, () => migrateDatabase(created.url)));
  expect(await migrationState(database)).toBe('current');
  const { rows } = await client.query(
    'select created_at from drizzle.__drizzle_migrations group by 1 having count(*) > 1',
  );
  expect(rows).toEqual([]);
});

test('a migration may take an hour, and wait as long for its turn', async () => {
  const { query } = pg.Client.prototype;
  const begun: string[] = [];
  const timers = vi.spyOn(globalThis, 'setTimeout');
  const listening = function (this: pg.Client, ...args: unknown[]): unknown {
    if (String(args[0]).startsWith('begin')) begun.push(String(args[0]));
    return Reflect.apply(query, this, args);
  };
  pg.Client.prototype.query = listening as typeof query;
  await migrateDatabase(created.url).finally(() => {
    pg.Client.prototype.query = query;
  });
  const answersMaxMs = timers.mock.calls
    .filter(([act]) => (act as unknown) === cutOff)
    .map(([, ms]) => ms);
  timers.mockRestore();
  const writing = begun.filter((statement) => statement.includes('read write'));
  expect(writing).toHaveLength(1);
  expect(writing[0]).toContain('statement_timeout = 3600000; set local lock_timeout = 3600000');
  expect(new Set(answersMaxMs)).toEqual(new Set([3_600_000]));
});

test('a migrator leaves no connection open, nor does one that fails', async () => {
  const connections = async () =>
    (
      await client.query(
        `select 1 from pg_stat_activity
         where datname = current_database() and application_name = 'intercom-sync'`,
      )
    ).rowCount;
  await client.query('create schema intercom; create table intercom.workspaces ()');
  await expect(migrateDatabase(created.url)).rejects.toThrow();
  // The server notices the end of a connection a moment after it; one left in the pool stays longer.
  await expect.poll(connections, { timeout: 20_000 }).toBe(0);
});

test('a schema that is up to date is not locked', async () => {
  await migrateDatabase(created.url);
  await client.query('begin');
  await client.query('lock table intercom.users, intercom.sync_runs in access exclusive mode');
  await client.query('select pg_advisory_xact_lock(4771902365112)');
  await migrateDatabase(created.url);
  await client.query('rollback');
});

test('a schema newer than the program is refused, and what is older is brought up to date', async () => {
  await migrateDatabase(created.url);
  await client.query('update drizzle.__drizzle_migrations set created_at = created_at + 1');
  expect(await migrationState(database)).toBe('newer');
  await expect(migrateDatabase(created.url)).rejects.toMatchObject({
    kind: 'database',
    hint: expect.stringContaining('version'),
  });
  await client.query('update drizzle.__drizzle_migrations set created_at = created_at - 2');
  expect(await migrationState(database)).toBe('behind');
});

describe('schemas made beforehand', () => {
  const asked = () =>
    client.query(`select nspname, nspowner::regrole::text as owner, nspacl::text as grants
      from pg_namespace where nspname in ('intercom', 'drizzle') order by 1`);

  test('are taken as they are, with their grants', async () => {
    await client.query('create schema intercom; grant usage on schema intercom to public');
    const { rows: before } = await asked();
    await migrateDatabase(created.url);
    expect(await migrationState(database)).toBe('current');
    expect((await asked()).rows).toContainEqual(before[0]);
  });

  test('are enough for a user who may create none', async () => {
    const user = `migrator_${randomBytes(6).toString('hex')}`;
    await client.query(`create role ${user} login password 'secret'`);
    const url = new URL(created.url);
    Object.assign(url, { username: user, password: 'secret' });
    try {
      await expect(migrateDatabase(url.href)).rejects.toMatchObject({
        sqlstate: '42501',
        hint: expect.stringContaining('grant create on database'),
      });
      await client.query(`create schema intercom authorization ${user}`);
      await client.query(`create schema drizzle authorization ${user}`);
      await migrateDatabase(url.href);
      expect(await migrationState(database)).toBe('current');
    } finally {
      await client.query(`drop owned by ${user} cascade; drop role ${user}`);
    }
  });
});

test('a migration that fails leaves nothing behind, and says what is in its way', async () => {
  await client.query('create schema intercom; create table intercom.workspaces ()');
  const before = await objects();
  await expect(migrateDatabase(created.url)).rejects.toMatchObject({
    kind: 'database',
    sqlstate: '42P07',
    hint: expect.stringContaining('the schema intercom'),
  });
  expect(await migrationState(database)).toBe('empty');
  expect(await objects()).toEqual(before);
  await client.query('drop table intercom.workspaces');
  await migrateDatabase(created.url);
  expect(await migrationState(database)).toBe('current');
});
