import { access, mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { SyncError } from '../errors.ts';
import { chooseAccount } from './embedded-account.ts';
import { findBinaries } from './embedded-binaries.ts';
import { countRegistered, register, unregister, withLock } from './embedded-lock.ts';
import { STANDARD_PATH } from './embedded-process.ts';
import {
  createCluster,
  findServer,
  type RunningServer,
  SUPERUSER,
  startServer,
  stopServer,
} from './embedded-server.ts';

export interface EmbeddedPostgres {
  /** Holds the password: not for logs. */
  readonly url: string;
  /** The last one out stops the server. */
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  /** The data are in `postgres/` under it. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  /** Where `unshare`, `id` and `chown` are looked for. */
  readonly path?: string;
  /** Server settings beyond ours, for a server that this call starts; values without quotes. */
  readonly settings?: Readonly<Record<string, string>>;
}

const DATABASE = 'intercom_sync';
const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 30_000;
const REACH_TRIES_MAX = 3;

/**
 * A Postgres of the program's own under `directory`; shared by every program that uses the same
 * directory. It outlives a program that is killed, and the next one finds it.
 *
 *     postgres/locks/      one program at a time starts or stops the server
 *     postgres/programs/   a link for each program that uses it
 *     postgres/cluster/    data/, password, server.log
 *     postgres/home        only if these cannot be here: a link to the folder that has `cluster/`
 */
export async function openEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { signal } = options;
  const place = await makePlace(options.directory);
  const locks = join(place, 'locks');
  const programs = join(place, 'programs');
  const { url, registration } = await withLock(locks, signal, async () => {
    const othersCount = await countRegistered(programs);
    try {
      const { server, password } = await reachServer(place, options);
      return { url: urlOf(server, password, DATABASE), registration: await register(programs) };
    } catch (error) {
      if (othersCount === 0) await stopServer(await clusterOf(place));
      throw error;
    }
  });
  let closing: Promise<void> | undefined;
  const leave = () =>
    withLock(locks, undefined, async () => {
      await unregister(registration);
      if ((await countRegistered(programs)) === 0) await stopServer(await clusterOf(place));
    });
  return {
    url,
    close: () => {
      closing ??= leave();
      return closing;
    },
  };
}

interface ReachedServer {
  readonly server: RunningServer;
  readonly password: string;
}

/** A server that was just killed can look alive for an instant, and is gone when it is spoken to. */
async function reachServer(place: string, options: EmbeddedOptions): Promise<ReachedServer> {
  for (let tries = 1; ; tries += 1) {
    const server = (await findRunning(place)) ?? (await start(place, options));
    options.signal?.throwIfAborted();
    const password = await readPassword(place);
    try {
      await ensureDatabase(urlOf(server, password, 'postgres'));
      return { server, password };
    } catch (error) {
      const isStillThere = (await findRunning(place))?.pid === server.pid;
      if (isStillThere || tries >= REACH_TRIES_MAX) throw error;
    }
  }
}

async function makePlace(directory: string): Promise<string> {
  const place = join(directory, 'postgres');
  try {
    await mkdir(place, { recursive: true, mode: 0o755 });
    await access(place, 0o7);
    return await realpath(place);
  } catch {
    throw new SyncError(
      'settings',
      `cannot write to ${place}, the place of the embedded Postgres`,
      'set INTERCOM_SYNC_DIR to a folder that this user can write to',
    );
  }
}

async function clusterOf(place: string): Promise<string> {
  const home = await realpath(join(place, 'home')).catch(() => place);
  return join(home, 'cluster');
}

async function findRunning(place: string): Promise<RunningServer | null> {
  return await findServer(await clusterOf(place));
}

async function start(place: string, options: EmbeddedOptions): Promise<RunningServer> {
  const { signal, path = STANDARD_PATH, settings = {} } = options;
  const binaries = await findBinaries();
  const account = await chooseAccount(place, binaries, path);
  await createCluster(account, path, signal);
  await checkVersion(place, binaries.version);
  return await startServer(account, settings, signal);
}

async function checkVersion(place: string, version: string): Promise<void> {
  const file = join(await clusterOf(place), 'data', 'PG_VERSION');
  const made = (await readFile(file, 'utf8')).trim();
  if (version.startsWith(`${made}.`)) return;
  throw new SyncError(
    'database',
    `the data under ${place} are of Postgres ${made}, and the installed binaries are ${version}`,
    'move that folder away and sync again: everything in it can be read anew from Intercom',
  );
}

async function readPassword(place: string): Promise<string> {
  const file = join(await clusterOf(place), 'password');
  const password = await readFile(file, 'utf8').catch(() => '');
  if (password !== '') return password;
  throw new SyncError(
    'database',
    `cannot read ${file}`,
    'restore it, or move the folder away and sync again',
  );
}

function urlOf(server: RunningServer, password: string, database: string): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${server.port}/${database}`;
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  // Without a listener a connection that breaks while idle would end the program.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } catch (error) {
    const code = (error as { code?: unknown }).code ?? 'no answer';
    throw new SyncError('database', `the embedded Postgres does not take connections (${code})`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
