import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEmbeddedPostgres } from '../../src/postgres/embedded.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import { environmentFor, rowsOf, syncHere, TOKEN } from '../support/sync.ts';

const USERS = 400;
/** A checkpoint for each page, with its ids, and the run itself; a user's row has over a kilobyte. */
const BYTES_A_USER_MAX = 500;

// What a server writes ahead it counts for all its databases, so this one is the test's own.
test('a run that changes nothing, full or not, writes next to nothing ahead', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'intercom-sync-wal-'));
  const server = await openEmbeddedPostgres({ directory });
  const simulator = await startSimulator({ users: USERS, token: TOKEN });
  const env = environmentFor(simulator.url, server.url);
  const written = async () => {
    const [row] = await rowsOf<{ bytes: string }>(
      server.url,
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as bytes`,
    );
    return Number(row?.bytes);
  };
  try {
    const start = await written();
    await syncHere(env);
    const first = await written();
    expect(first - start).toBeGreaterThan(USERS * 1_000);
    for (const mode of ['full', 'incremental'] as const) {
      const before = await written();
      const { json } = await syncHere(env, { mode });
      expect(json).toMatchObject({ status: 'succeeded', mode, inserted: 0, updated: 0 });
      expect((await written()) - before).toBeLessThan(USERS * BYTES_A_USER_MAX);
    }
  } finally {
    await simulator.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
});
