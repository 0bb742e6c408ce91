import { describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import { describeLeases } from '../support/lease-behaviour.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { environmentFor, syncHere, TOKEN } from '../support/sync.ts';
import { ROUNDS } from './rounds.ts';

describe.each(Array.from({ length: ROUNDS }, (_, at) => at + 1))('round %i', () => {
  describeLeases({
    migrated: async () => kept(await createTestDatabase()),
    empty: async () => kept(await createEmptyDatabase()),
  });
});

function kept({ url, drop }: TestDatabase) {
  onTestFinished(drop);
  return { url, serverUrl: url };
}

test('a transaction that is checked against the fence may be silent for less than the lease lives', async () => {
  const { url } = kept(await createTestDatabase());
  const proxy = await startPostgresProxy(url);
  onTestFinished(() => proxy.close());
  const simulator = await startSimulator({ users: 120, token: TOKEN });
  onTestFinished(() => simulator.close());
  // By connection, of the transaction that is open there.
  const bounds = new Map<number, number>();
  const silencesMs: number[] = [];
  proxy.onStatement(({ text, connection }) => {
    if (text.startsWith('begin')) bounds.delete(connection);
    const bound = /idle_in_transaction_session_timeout = (\d+)/.exec(text)?.[1];
    if (bound) bounds.set(connection, Number(bound));
    if (text.includes('for share')) silencesMs.push(bounds.get(connection) ?? Number.NaN);
  });
  const env = environmentFor(simulator.url, proxy.url, { SYNC_LEASE_SECONDS: '5' });
  expect((await syncHere(env)).json).toMatchObject({ status: 'succeeded', pages: 4 });
  // The pages, and what is written of the run before and after them.
  expect(silencesMs.length).toBeGreaterThan(4);
  for (const ms of silencesMs) expect(ms).toBeLessThan(5_000);
});
