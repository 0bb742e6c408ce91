import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { migrateDatabase } from '../../src/postgres/migrate.ts';
import { databaseUrl, withClient } from './postgres-client.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A Postgres that may create databases. */
    testDatabaseUrl: string;
    /** Begins the name of every database of this run; alone it names the migrated template. */
    testDatabasePrefix: string;
  }
}

interface TestServer {
  readonly url: string;
  readonly road: string;
  stop(): Promise<void>;
}

/** What a crash would lose is a test's data, so nothing waits for the disk. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '200',
};
const CONTAINER_START_TIMEOUT_MS = 90_000;
const KEEPER = fileURLToPath(new URL('./embedded-keeper.ts', import.meta.url));

const releases: (() => Promise<void>)[] = [];

/** One Postgres for the whole run, with a template database that has the migrations applied. */
export async function setup(project: TestProject): Promise<void> {
  try {
    const server = await getServer();
    releases.push(server.stop);
    process.stderr.write(`test Postgres: ${server.road}\n`);
    const prefix = `intercom_sync_test_${randomBytes(4).toString('hex')}`;
    await withClient(server.url, (client) => client.query(`create database ${prefix}`));
    releases.push(() => dropDatabases(server.url, prefix));
    await migrateDatabase(databaseUrl(server.url, prefix));
    project.provide('testDatabaseUrl', server.url);
    project.provide('testDatabasePrefix', prefix);
  } catch (error) {
    await teardown();
    throw error;
  }
}

export async function teardown(): Promise<void> {
  for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
    await release();
  }
}

/** The first of three roads that leads to a Postgres; where there is none the run fails. */
async function getServer(): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined && given !== '') {
    const road = `the one of TEST_DATABASE_URL (${new URL(given).host})`;
    return { url: given, road, stop: async () => undefined };
  }
  const noContainer: string[] = [];
  const container = await startContainer().catch((error: Error) => {
    noContainer.push(`no container: ${error.message.split('\n')[0]}`);
    return null;
  });
  return container ?? (await startEmbedded(`no TEST_DATABASE_URL; ${noContainer.join()}`));
}

async function startContainer(): Promise<TestServer> {
  // Half a second to load, and only this road needs it.
  const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
  const settings = Object.entries(SETTINGS);
  const container = await new PostgreSqlContainer('postgres:17-alpine')
    .withCommand(['postgres', ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])])
    .withStartupTimeout(CONTAINER_START_TIMEOUT_MS)
    .start();
  return {
    url: container.getConnectionUri(),
    road: 'a container of postgres:17-alpine (no TEST_DATABASE_URL; a container engine answers)',
    stop: async () => {
      await container.stop();
    },
  };
}

/** In a session of its own, so that it is there to clean up after a run that is interrupted. */
async function startEmbedded(why: string): Promise<TestServer> {
  const keeper = spawn(process.execPath, [KEEPER, JSON.stringify(SETTINGS)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(keeper, 'exit');
  const gaveUp = exited.then(() => {
    throw new Error(
      `there is no Postgres to test against (${why}; and no embedded one, see above)`,
    );
  });
  const [url] = await Promise.race([once(createInterface(keeper.stdout), 'line'), gaveUp]);
  const stop = async () => {
    keeper.stdin.end();
    await exited;
  };
  return { url: `${url}`, road: `the embedded binaries (${why})`, stop };
}

/** Also those that a test forgot, or whose process was killed. */
async function dropDatabases(serverUrl: string, prefix: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) await client.query(`drop database ${datname} with (force)`);
  });
}
