import { describe, onTestFinished } from 'vitest';
import { describeLeases } from '../support/lease-behaviour.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/postgres.ts';

/** FAULT_ROUNDS=100 runs each of these a hundred times. */
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 1);

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
