import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { SyncError } from '../errors.ts';
import { type Database, openDatabase } from './database.ts';
import type { Transaction } from './transaction.ts';

export type MigrationState = 'empty' | 'behind' | 'current' | 'newer';

// The same place from src/postgres and from dist/postgres.
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));
const APPLIED = sql.raw('drizzle.__drizzle_migrations');
// Any number, as long as it stays the same in every version of this program.
const MIGRATION_LOCK = 4_771_902_365_112n;
// A migration may have to write a large table anew.
const MIGRATION_MAX_MS = 60 * 60_000;

/** Brings the schema up to this program's. Several at once take turns. */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl, { answerMaxMs: MIGRATION_MAX_MS });
  try {
    const state = await refuseNewerSchema(database);
    if (state === 'current') return;
    await database.transaction(
      async (tx) => {
        await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
        await applyMigrations(tx);
      },
      {
        statementMaxMs: MIGRATION_MAX_MS,
        lockWaitMaxMs: MIGRATION_MAX_MS,
      },
    );
  } finally {
    await database.close();
  }
}

/**
 * What Drizzle's own `migrate` does, to the same table, but for one thing: a schema that somebody
 * made beforehand, with its owner and grants, is taken as it is. Even `create schema if not exists`
 * asks for the right to create schemas, which such a user need not have.
 */
async function applyMigrations(tx: Transaction): Promise<void> {
  await createSchema(tx, 'drizzle');
  await tx.execute(sql`create table if not exists ${APPLIED}
    (id serial primary key, hash text not null, created_at bigint)`);
  const newestApplied = (await readNewest(tx)) ?? 0;
  for (const { sql: statements, hash, folderMillis } of readMigrations()) {
    if (folderMillis <= newestApplied) continue;
    for (const statement of statements) {
      const schema = /^\s*create schema "(\w+)";\s*$/i.exec(statement)?.[1];
      await (schema ? createSchema(tx, schema) : tx.execute(sql.raw(statement)));
    }
    await tx.execute(
      sql`insert into ${APPLIED} (hash, created_at) values (${hash}, ${folderMillis})`,
    );
  }
}

async function createSchema(tx: Transaction, name: string): Promise<void> {
  const found = await tx.execute(sql`select 1 from pg_namespace where nspname = ${name}`);
  if (found.rows.length === 0) await tx.execute(sql`create schema ${sql.identifier(name)}`);
}

/** Takes no lock and needs no permission to create. */
export async function migrationState(database: Database): Promise<MigrationState> {
  const newestKnown = Math.max(...readMigrations().map(({ folderMillis }) => folderMillis));
  const newestApplied = await readNewestApplied(database);
  if (newestApplied === null) return 'empty';
  if (newestApplied > newestKnown) return 'newer';
  return newestApplied === newestKnown ? 'current' : 'behind';
}

/** For whoever goes on without migrating: what a later version means by its tables is not known. */
export async function refuseNewerSchema(database: Database): Promise<MigrationState> {
  const state = await migrationState(database);
  if (state === 'newer') throw newerSchema();
  return state;
}

export function newerSchema(): SyncError {
  return new SyncError(
    'database',
    'the schema in the database is newer than this program',
    'run the version of intercom-sync that migrated it, or a later one',
  );
}

async function readNewestApplied(database: Database): Promise<number | null> {
  return database.transaction(
    async (tx) => {
      const found = await tx.execute<{ exists: boolean }>(
        sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`,
      );
      return found.rows[0]?.exists === true ? readNewest(tx) : null;
    },
    { isReadOnly: true },
  );
}

async function readNewest(tx: Transaction): Promise<number | null> {
  const newest = await tx.execute<{ created_at: string | null }>(
    sql`select max(created_at) as created_at from ${APPLIED}`,
  );
  const createdAt = newest.rows[0]?.created_at ?? null;
  return createdAt === null ? null : Number(createdAt);
}

function readMigrations() {
  return readMigrationFiles({ migrationsFolder: MIGRATIONS_FOLDER });
}
