import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { databaseUrl, withClient } from './postgres-client.ts';

export interface TestDatabase {
  readonly url: string;
  /** With all that is still connected to it. */
  drop(): Promise<void>;
}

/** A database of the caller's own with the migrations applied: a clone of the run's template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return await createFrom(inject('testDatabasePrefix'));
}

export async function createEmptyDatabase(): Promise<TestDatabase> {
  return await createFrom('template0');
}

async function createFrom(template: string): Promise<TestDatabase> {
  const serverUrl = inject('testDatabaseUrl');
  const name = `${inject('testDatabasePrefix')}_${randomBytes(6).toString('hex')}`;
  const onServer = (statement: string) =>
    withClient(serverUrl, (client) => client.query(statement));
  await onServer(`create database ${name} template ${template}`);
  return {
    url: databaseUrl(serverUrl, name),
    drop: async () => {
      await onServer(`drop database if exists ${name} with (force)`);
    },
  };
}
