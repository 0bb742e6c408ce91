import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../errors.ts';
import { type Account, giveTo } from './embedded-account.ts';
import { commandLine } from './embedded-process.ts';

export const SUPERUSER = 'intercom_sync';

/** A server that answers. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

/** What this Postgres is told beyond its defaults; `-c` goes before postgresql.conf. */
const SETTINGS: Readonly<Record<string, string>> = {
  // Loopback and TCP alone: a socket's path may be 107 characters, and a checkout's is longer.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // A few programs with a small pool each; every slot costs memory that a laptop wants back.
  max_connections: '50',
  shared_buffers: '128MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  password_encryption: 'scram-sha-256',
  // An error's text and statement can hold a user's data, so errors stay out of the log; starts,
  // stops and crashes stay in. It also keeps the log small: it is turned over at a start alone.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

const INITDB_ARGS = [
  `--username=${SUPERUSER}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  // Postgres's own C.UTF-8: upper() knows all letters, and an index sorted by code point never goes
  // bad when the machine's libc changes its mind. The C library's part is plain C, in English.
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
];

const INITDB_TIMEOUT_MS = 120_000;
/** Long enough to recover from a crash: the log to be replayed is 1 GB at most. */
const START_TIMEOUT_SECONDS = 60;
/** Another program may have taken the port, or the killed server's children still be leaving. */
const START_TRIES_MAX = 8;
const START_RETRY_MS = 250;
const POLL_MS = 25;
const FAST_STOP_TIMEOUT_MS = 30_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;
const LOG_BYTES_MAX = 1024 * 1024;
/** No system gives such a pid (Linux ends at 2^22), and Postgres reads it as an `int`. */
const NO_PID = 2_147_483_647;

/**
 * Makes the cluster (the data and its password) where there is none. All of it is made under another
 * name, so that it is there whole or not at all, whenever this program is killed.
 */
export async function createCluster(
  account: Account,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const cluster = join(account.home, 'cluster');
  for (const name of await readdir(account.home)) {
    if (name.startsWith('cluster.new-')) await discard(join(account.home, name));
  }
  if (await exists(cluster)) return;
  const draft = join(account.home, `cluster.new-${randomUUID()}`);
  await mkdir(draft, { mode: 0o700 });
  await writeWhole(join(draft, 'password'), randomBytes(24).toString('hex'));
  await giveTo(account.user, draft, path);
  const { ok, output } = await account.run(
    'initdb',
    [...INITDB_ARGS, `--pwfile=${join(draft, 'password')}`, '-D', join(draft, 'data')],
    { timeoutMs: INITDB_TIMEOUT_MS, signal },
  );
  if (!ok) {
    await discard(draft);
    signal?.throwIfAborted();
    throw new SyncError(
      'database',
      `the embedded Postgres could not be set up: initdb: ${lastLine(output)}`,
    );
  }
  await rename(draft, cluster);
}

/** A killed initdb may still be writing there; what cannot be removed now is at the next start. */
async function discard(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10 }).catch(() => undefined);
}

async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function startServer(
  account: Account,
  extraSettings: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<RunningServer> {
  const cluster = join(account.home, 'cluster');
  const log = join(cluster, 'server.log');
  await turnOver(log);
  const settings = Object.entries({ ...SETTINGS, ...extraSettings });
  for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
    signal?.throwIfAborted();
    if (tries > 0) await sleep(START_RETRY_MS);
    const options = settings.map(([name, value]) => `-c ${name}='${value}'`).join(' ');
    const port = `-p ${await freePort()}`;
    const wait = ['-s', '-w', '-t', `${START_TIMEOUT_SECONDS}`];
    const files = ['-D', join(cluster, 'data'), '-l', log];
    await account.run('pg_ctl', ['start', ...wait, ...files, '-o', `${port} ${options}`], {
      timeoutMs: (START_TIMEOUT_SECONDS + 10) * 1000,
    });
    // Whatever pg_ctl says: a server that is there is ours, and one that is not is tried again.
    const server = await findServer(cluster);
    if (server !== null) return server;
  }
  const said = lastLine(await readFile(log, 'utf8').catch(() => ''));
  throw new SyncError(
    'database',
    `the embedded Postgres does not start; it says: ${said}`,
    `see ${log}`,
  );
}

async function turnOver(log: string): Promise<void> {
  const size = await stat(log).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(log, `${log}.1`);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  return await new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** The server that runs on this cluster, waited for while it starts, recovers or stops; else null. */
export async function findServer(cluster: string): Promise<RunningServer | null> {
  const data = join(cluster, 'data');
  const deadline = performance.now() + START_TIMEOUT_SECONDS * 1000;
  while (performance.now() < deadline) {
    const noted = await readPidFile(data);
    if (noted === null) return null;
    if (!(await isPostmaster(noted.pid, data))) {
      await disown(data, noted.pid);
      return null;
    }
    if (noted.isReady) return { pid: noted.pid, port: noted.port };
    await sleep(POLL_MS);
  }
  throw new SyncError(
    'database',
    `the embedded Postgres has been starting or stopping for ${START_TIMEOUT_SECONDS} s`,
    `see ${join(cluster, 'server.log')}`,
  );
}

interface PidFile extends RunningServer {
  readonly isReady: boolean;
}

async function readPidFile(data: string): Promise<PidFile | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  return { pid, port: Number(lines[3]), isReady: lines[7] === 'ready' };
}

/** A pid alone says nothing: after a reboot it belongs to another program. */
async function isPostmaster(pid: number, data: string): Promise<boolean> {
  return `${await commandLine(pid)} `.includes(` -D ${data} `);
}

/**
 * Postgres refuses to start while the pid in its file is that of any living process. The file itself
 * stays: it also names the shared memory, by which Postgres sees that a killed server's children
 * are still at work on the data.
 */
async function disown(data: string, pid: number): Promise<void> {
  if (pid === NO_PID) return;
  const file = join(data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text !== null) await writeFile(file, text.replace(/^\s*\d+/, `${NO_PID}`));
}

/**
 * What `pg_ctl stop -m fast` does, by hand: SIGINT, and wait. pg_ctl would have to be run as the
 * account that the server was started with.
 */
export async function stopServer(cluster: string): Promise<void> {
  const data = join(cluster, 'data');
  const pid = (await readPidFile(data))?.pid;
  if (pid === undefined || !(await isPostmaster(pid, data))) return;
  process.kill(pid, 'SIGINT');
  if (await isGone(pid, data, FAST_STOP_TIMEOUT_MS)) return;
  // Immediate: as after a power cut, the next start recovers.
  process.kill(pid, 'SIGQUIT');
  if (await isGone(pid, data, IMMEDIATE_STOP_TIMEOUT_MS)) return;
  throw new SyncError('database', `the embedded Postgres (pid ${pid}) does not stop`);
}

async function isGone(pid: number, data: string, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (!(await isPostmaster(pid, data))) return true;
    await sleep(POLL_MS);
  }
  return false;
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) || 'nothing';
}
