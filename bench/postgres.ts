import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrateDatabase } from '../src/postgres/migrate.ts';
import { databaseUrl } from '../test/support/postgres-client.ts';
import { readBackendCpuMs } from './backend-cpu.ts';
import { startCompanion } from './companion.ts';

/** The server that everything is measured against. */
export interface BenchPostgres {
  readonly version: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Whose server it is. */
  readonly origin: string;
  /** With the migrations applied and nothing in it. */
  createDatabase(): Promise<BenchDatabase>;
  /** Writes out what earlier work has left dirty, as far as we may ask for it. */
  settle(): Promise<void>;
  /** What the server spends on `work`. Nothing else may be going on. */
  watch<T>(work: () => Promise<T>): Promise<Watched<T>>;
  close(): Promise<void>;
}

export interface BenchDatabase {
  readonly url: string;
  query<T extends pg.QueryResultRow>(statement: string): Promise<T[]>;
  drop(): Promise<void>;
}

export interface Watched<T> {
  readonly result: T;
  readonly walBytes: number;
  /** Of the server's processes that came and went meanwhile; null where /proc does not tell. */
  readonly cpuMs: number | null;
}

/** What makes a commit safe, and what else a reader of the figures would ask for. */
const SETTINGS = [
  ...['fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'wal_level'],
  ...['wal_compression', 'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'autovacuum'],
  ...['default_toast_compression', 'jit'],
];
const CONNECT_MAX_MS = 10_000;
const QUERY_MAX_MS = 120_000;
const LEAVE_MAX_MS = 10_000;

/** Of this benchmark's own, with every setting that durability hangs on as Postgres has it; or `given`. */
export async function openPostgres(given: string | undefined): Promise<BenchPostgres> {
  // The keeper that the tests use too: it removes the server and its folder when we are gone.
  const keeper = given ? null : await startCompanion('../test/support/embedded-keeper.ts', {});
  const serverUrl = given ?? keeper?.firstLine ?? '';
  const admin = await connect(serverUrl);
  const name = `intercom_sync_bench_${randomBytes(4).toString('hex')}`;
  await admin.query(`create database ${name}`);
  await migrateDatabase(databaseUrl(serverUrl, name));
  const { rows } = await admin.query<{ name: string; setting: string }>(
    'select name, current_setting(name) as setting from pg_settings where name = any($1)',
    [SETTINGS],
  );
  const { rows: versions } = await admin.query<{ server_version: string }>('show server_version');
  let created = 0;
  return {
    version: versions[0]?.server_version ?? '',
    settings: Object.fromEntries(rows.map((row) => [row.name, row.setting])),
    origin: given ? 'BENCH_DATABASE_URL' : 'embedded',
    createDatabase: () => {
      created += 1;
      return createDatabase(admin, serverUrl, name, `${name}_${created}`);
    },
    settle: async () => {
      await admin.query('checkpoint').catch(() => undefined);
    },
    watch: (work) => watch(admin, work),
    async close() {
      const { rows: left } = await admin.query<{ datname: string }>(
        'select datname from pg_database where starts_with(datname, $1)',
        [name],
      );
      for (const { datname } of left) await admin.query(`drop database ${datname} with (force)`);
      await admin.end();
      await keeper?.stop();
    },
  };
}

async function createDatabase(
  admin: pg.Client,
  serverUrl: string,
  template: string,
  name: string,
): Promise<BenchDatabase> {
  await admin.query(`create database ${name} template ${template}`);
  const url = databaseUrl(serverUrl, name);
  return {
    url,
    async query<T extends pg.QueryResultRow>(statement: string) {
      const client = await connect(url);
      try {
        return (await client.query<T>(statement)).rows;
      } finally {
        await client.end();
      }
    },
    drop: async () => {
      await admin.query(`drop database ${name} with (force)`);
    },
  };
}

async function watch<T>(admin: pg.Client, work: () => Promise<T>): Promise<Watched<T>> {
  const before = await readUsage(admin);
  const result = await work();
  const after = await readUsage(admin);
  return {
    result,
    walBytes: after.walBytes - before.walBytes,
    cpuMs: before.cpuMs === null || after.cpuMs === null ? null : after.cpuMs - before.cpuMs,
  };
}

async function readUsage(admin: pg.Client): Promise<{ walBytes: number; cpuMs: number | null }> {
  await othersLeft(admin);
  const { rows } = await admin.query<{ bytes: string; pid: number }>(
    "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes, pg_backend_pid() as pid",
  );
  return {
    walBytes: Number(rows[0]?.bytes),
    cpuMs: await readBackendCpuMs(rows[0]?.pid ?? 0),
  };
}

/** A process is counted when it has ended, and ends a moment after its client. */
async function othersLeft(admin: pg.Client): Promise<void> {
  const deadline = performance.now() + LEAVE_MAX_MS;
  while (performance.now() < deadline) {
    const { rows } = await admin.query<{ others: string }>(
      `select count(*) as others from pg_stat_activity where backend_type = 'client backend'
        and pid <> pg_backend_pid() and starts_with(datname, $1)`,
      ['intercom_sync_bench_'],
    );
    if (rows[0]?.others === '0') return;
  }
  throw new Error(`connections stay open ${LEAVE_MAX_MS} ms after their program has ended`);
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MAX_MS,
    query_timeout: QUERY_MAX_MS,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
