import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { migrateDatabase } from '../postgres/migrate.ts';
import { withDatabase } from './database.ts';
import { type Io, newCommand, writeLine } from './io.ts';

export function migrateCommand(io: Io): Command {
  return newCommand('migrate', 'apply the migrations (sync does so too)').action(async () => {
    const config = parseConfig(io.env, { intercom: false });
    await withDatabase(config, io.stop, (_, url) => migrateDatabase(url));
    writeLine(io.stdout, 'The schema intercom is up to date.');
  });
}
