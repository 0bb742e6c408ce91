/**
 * Keeps the embedded Postgres of a test run: prints its URL, and when the run ends, in whatever way
 * (Ctrl-C, kill -9), its stdin does too; then it stops the server and removes all of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedPostgres } from '../../src/postgres/embedded.ts';

const settings: Record<string, string> = JSON.parse(process.argv[2] ?? '{}');
const directory = await mkdtemp(join(tmpdir(), 'intercom-sync-test-'));
try {
  const server = await openEmbeddedPostgres({ directory, settings });
  // Whoever was to read it may be gone.
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${server.url}\n`);
  for await (const _ of process.stdin);
  await server.close();
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
