import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
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

test('a migration that fails leaves nothing behind', async () => {
  await client.query('create schema intercom');
  await expect(migrateDatabase(created.url)).rejects.toMatchObject({ kind: 'database' });
  expect(await migrationState(database)).toBe('empty');
  expect(await objects()).toEqual([]);
  await client.query('drop schema intercom');
  await migrateDatabase(created.url);
  expect(await migrationState(database)).toBe('current');
});
