import { afterAll, beforeAll, inject, onTestFinished } from 'vitest';
import { describeLeases } from '../support/lease-behaviour.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type PgBouncer, startPgBouncer } from './pgbouncer.ts';

let bouncer: PgBouncer;
beforeAll(async () => {
  bouncer = await startPgBouncer(inject('testDatabaseUrl'));
});
afterAll(() => bouncer?.close());

describeLeases({
  migrated: async () => pooled(await createTestDatabase()),
  empty: async () => pooled(await createEmptyDatabase()),
});

function pooled({ url, drop }: TestDatabase) {
  onTestFinished(drop);
  return { url: bouncer.through(url), serverUrl: url };
}
