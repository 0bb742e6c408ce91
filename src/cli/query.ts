import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { runReadOnlyQuery } from '../postgres/query.ts';
import { withDatabase } from './database.ts';
import { type Io, newCommand, writeLine } from './io.ts';
import { renderTable } from './output.ts';

export function queryCommand(io: Io): Command {
  return newCommand('query', 'ask the database a read-only question, answered as a table')
    .argument('<sql>', 'one select, for example: select count(*) from intercom.users')
    .action(async (sql: string) => {
      const config = parseConfig(io.env, { intercom: false });
      const answer = await withDatabase(config, io.stop, (database) =>
        runReadOnlyQuery(database, sql),
      );
      writeLine(io.stdout, renderTable(answer.columns, answer.rows));
      if (answer.truncated)
        writeLine(io.stderr, `Only the first ${answer.rows.length} rows are shown.`);
    });
}
