import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { SyncError } from '../errors.ts';
import { type Database, openDatabase } from './database.ts';

export type MigrationState = 'empty' | 'behind' | 'current' | 'newer';

// The same place from src/postgres and from dist/postgres.
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url));
// Any number, as long as it stays the same in every version of this program.
const MIGRATION_LOCK = 4_771_902_365_112n;
// A migration may have to write a large table anew.
const MIGRATION_MAX_MS = 60 * 60_000;

/** Brings the schema up to this program's. Several at once take turns. */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl, { answerMaxMs: MIGRATION_MAX_MS });
  try {
    const state = await migrationState(database);
    if (state === 'newer') throw newerSchema();
    if (state === 'current') return;
    await database.transaction(
      async (tx) => {
        await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
        // Drizzle commits by itself, all migrations at once; the lock goes with that commit.
        await migrate(tx, { migrationsFolder: MIGRATIONS_FOLDER });
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

/** Takes no lock and needs no permission to create. */
export async function migrationState(database: Database): Promise<MigrationState> {
  const known = readMigrationFiles({ migrationsFolder: MIGRATIONS_FOLDER });
  const newestKnown = Math.max(...known.map((migration) => migration.folderMillis));
  const newestApplied = await readNewestApplied(database);
  if (newestApplied === null) return 'empty';
  if (newestApplied > newestKnown) return 'newer';
  return newestApplied === newestKnown ? 'current' : 'behind';
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
      if (found.rows[0]?.exists !== true) return null;
      const newest = await tx.execute<{ created_at: string | null }>(
        sql`select max(created_at) as created_at from drizzle.__drizzle_migrations`,
      );
      const createdAt = newest.rows[0]?.created_at ?? null;
      return createdAt === null ? null : Number(createdAt);
    },
    { isReadOnly: true },
  );
}
