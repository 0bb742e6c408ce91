import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '../support/postgres-client.ts';

/** A real PgBouncer in transaction mode, on loopback, before the Postgres of the tests. */
export interface PgBouncer {
  /** The address, by way of it, of a database of the server. */
  through(databaseUrl: string): string;
  close(): Promise<void>;
}

/** Fewer than one program asks for, so that programs share them. */
export const SERVER_CONNECTIONS = 2;
const USER = 'pooled';
const START_MAX_MS = 30_000;
const POLL_MS = 50;
// Debian puts it where ordinary users do not look.
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
// It refuses to be root.
const NOBODY = 65_534;
const IS_ROOT = userInfo().uid === 0;

export async function startPgBouncer(serverUrl: string, path = PATH): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'intercom-sync-pgbouncer-'));
  const password = randomBytes(16).toString('hex');
  const port = await freePort();
  const through = (databaseUrl: string) => {
    const url = new URL(databaseUrl);
    return `postgres://${USER}:${password}@127.0.0.1:${port}${url.pathname}${url.search}`;
  };
  let bouncer: ChildProcess | null = null;
  const close = async () => {
    if (bouncer?.pid !== undefined && bouncer.exitCode === null && bouncer.kill('SIGTERM')) {
      await once(bouncer, 'exit');
    }
    await rm(folder, { recursive: true });
  };
  try {
    const config = await writeConfig(folder, port, password, new URL(serverUrl));
    const account = IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {};
    const stdio = ['ignore', 'ignore', 'pipe'] as const;
    bouncer = spawn('pgbouncer', [config], { env: { PATH: path }, stdio: [...stdio], ...account });
    await untilReady(bouncer, through(serverUrl));
  } catch (error) {
    await close();
    throw error;
  }
  return { through, close };
}

/** Nothing in it makes it gentler than it is: what it refuses, it refuses. */
async function writeConfig(
  folder: string,
  port: number,
  password: string,
  server: URL,
): Promise<string> {
  const users = join(folder, 'users.txt');
  const config = join(folder, 'pgbouncer.ini');
  const target = {
    host: server.hostname,
    port: server.port || '5432',
    user: decodeURIComponent(server.username),
    password: decodeURIComponent(server.password),
  };
  const address = Object.entries(target).map(([k, v]) => `${k}='${v.replaceAll("'", "''")}'`);
  await writeFile(users, `"${USER}" "${password}"\n`, { mode: 0o600 });
  const settings = `[databases]
* = ${address.join(' ')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${SERVER_CONNECTIONS}
`;
  await writeFile(config, settings, { mode: 0o600 });
  if (IS_ROOT) for (const path of [folder, users, config]) await chown(path, NOBODY, NOBODY);
  return config;
}

async function untilReady(bouncer: ChildProcess, url: string): Promise<void> {
  let said = '';
  bouncer.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  let failure: Error | null = null;
  bouncer.once('error', (error: NodeJS.ErrnoException) => {
    failure = error.code === 'ENOENT' ? missing() : error;
  });
  bouncer.once('exit', (code) => {
    failure = new Error(`pgbouncer ended with ${code}:\n${said}`);
  });
  const deadline = performance.now() + START_MAX_MS;
  for (;;) {
    const refused = await withClient(url, (client) => client.query('select 1')).then(
      () => null,
      (error: Error) => error,
    );
    if (failure) throw failure;
    if (!refused) return;
    if (performance.now() > deadline) throw new Error(`${refused.message}:\n${said}`);
    await delay(POLL_MS);
  }
}

function missing(): Error {
  return new Error('there is no pgbouncer on this machine: install the package pgbouncer');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
