import type { Config } from '../config.ts';
import { type Database, type DatabaseOptions, openDatabase } from '../postgres/database.ts';
import { openEmbeddedPostgres } from '../postgres/embedded.ts';

/** Opens the configured database for as long as `use` runs; the embedded one is started for it. */
export async function withDatabase<T>(
  config: Config,
  signal: AbortSignal,
  use: (database: Database, url: string) => Promise<T>,
  options: DatabaseOptions = {},
): Promise<T> {
  const embedded =
    config.databaseUrl === 'embedded'
      ? await openEmbeddedPostgres({ directory: config.syncDirectory, signal })
      : null;
  try {
    const url = embedded?.url ?? config.databaseUrl;
    const database = openDatabase(url, options);
    try {
      return await use(database, url);
    } finally {
      await database.close();
    }
  } finally {
    await embedded?.close();
  }
}
