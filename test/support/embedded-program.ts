/**
 * A program that uses the embedded Postgres, to be started, killed and stopped by tests:
 * prints the URL when it has it, leaves in good order when its stdin ends.
 */
import { type EmbeddedOptions, openEmbeddedPostgres } from '../../src/postgres/embedded.ts';

const [options = '{}', onInterrupt] = process.argv.slice(2);
if (onInterrupt === 'deaf') process.on('SIGINT', () => undefined);

const postgres = await openEmbeddedPostgres(JSON.parse(options) as EmbeddedOptions);
process.stdout.write(`${postgres.url}\n`);
for await (const _ of process.stdin);
await postgres.close();
