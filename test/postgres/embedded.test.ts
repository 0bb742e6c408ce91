import { once } from 'node:events';
import { access, appendFile, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { openEmbeddedPostgres } from '../../src/postgres/embedded.ts';
import { findBinaries } from '../../src/postgres/embedded-binaries.ts';
import { run } from '../../src/postgres/embedded-process.ts';
import {
  FAST,
  newDirectory,
  processesThatName,
  serverPid,
  signalIfThere,
  startBystander,
  startProgram,
  until,
} from '../support/embedded-programs.ts';
import { withClient } from '../support/postgres-client.ts';

const settings = FAST;

async function ask(url: string, statement: string): Promise<unknown[]> {
  const result = await withClient(url, (client) =>
    client.query({ text: statement, rowMode: 'array' }),
  );
  return result.rows.flat();
}

const pidFile = (directory: string) => join(directory, 'postgres/cluster/data/postmaster.pid');
const logOf = (directory: string) =>
  readFile(join(directory, 'postgres/cluster/server.log'), 'utf8').catch(() => '');

test('a server starts, on loopback alone, in UTC and UTF-8, and answers', async () => {
  const directory = await newDirectory();
  const postgres = await openEmbeddedPostgres({ directory, settings });
  expect(
    await ask(
      postgres.url,
      `select current_database(), current_setting('listen_addresses'),
         current_setting('unix_socket_directories'), current_setting('timezone'),
         current_setting('server_encoding'), current_setting('synchronous_commit'), upper('ä')`,
    ),
  ).toEqual(['intercom_sync', '127.0.0.1', '', 'UTC', 'UTF8', 'on', 'Ä']);
  await postgres.close();
});

test('fsync is on unless a caller says otherwise', async () => {
  const postgres = await openEmbeddedPostgres({ directory: await newDirectory() });
  expect(await ask(postgres.url, `select current_setting('fsync')`)).toEqual(['on']);
  await postgres.close();
});

test('a wrong password is refused, and so is none', async () => {
  const postgres = await openEmbeddedPostgres({ directory: await newDirectory(), settings });
  const wrong = new URL(postgres.url);
  wrong.password = 'guess';
  await expect(ask(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  expect(await ask(postgres.url, 'select 1')).toEqual([1]);
  await postgres.close();
});

test('all programs of a directory share one server, and the last one out stops it', async () => {
  const directory = await newDirectory();
  const first = await openEmbeddedPostgres({ directory, settings });
  const pid = await serverPid(directory);
  const second = startProgram({ directory });
  expect(await second.url()).toBe(first.url);
  const third = await openEmbeddedPostgres({ directory });
  await first.close();
  await first.close();
  await third.close();
  expect(await serverPid(directory)).toBe(pid);
  await second.leave();
  expect(await serverPid(directory)).toBe(null);
  expect(await processesThatName(directory)).toEqual([]);
});

test('two first starts at the same instant make one cluster and one server', async () => {
  const directory = await newDirectory();
  const programs = [1, 2, 3].map(() => startProgram({ directory }));
  const urls = await Promise.all(programs.map((program) => program.url()));
  expect(new Set(urls).size).toBe(1);
  expect(await ask(urls[0] ?? '', 'select 1')).toEqual([1]);
  await Promise.all(programs.map((program) => program.leave()));
  expect((await logOf(directory)).match(/starting PostgreSQL/g)).toHaveLength(1);
  expect(await serverPid(directory)).toBe(null);
  expect((await readdir(join(directory, 'postgres'))).sort()).toEqual([
    'cluster',
    'locks',
    'programs',
  ]);
});

test('a killed program leaves the server running; the next one finds it and stops it', async () => {
  const directory = await newDirectory();
  const program = startProgram({ directory });
  await program.url();
  const pid = await serverPid(directory);
  await program.kill('SIGKILL');
  expect(await serverPid(directory)).toBe(pid);
  const next = await openEmbeddedPostgres({ directory });
  expect(await serverPid(directory)).toBe(pid);
  await next.close();
  expect(await serverPid(directory)).toBe(null);
  expect(await readdir(join(directory, 'postgres/programs'))).toEqual([]);
});

test('Ctrl-C in the terminal of a program does not reach the server', async () => {
  const directory = await newDirectory();
  const program = startProgram({ directory });
  const url = await program.url();
  const pid = await serverPid(directory);
  const exited = once(program.child, 'exit');
  process.kill(-(program.child.pid ?? 0), 'SIGINT');
  expect(await exited).toEqual([null, 'SIGINT']);
  expect(await serverPid(directory)).toBe(pid);
  expect(await ask(url, 'select 1')).toEqual([1]);
});

test('Ctrl-C while the server is being set up leaves the deciding to the program', async () => {
  const directory = await newDirectory();
  const program = startProgram({ directory }, { isDeafToInterrupt: true });
  await until(() => isBeingSetUp(directory));
  process.kill(-(program.child.pid ?? 0), 'SIGINT');
  expect(await ask(await program.url(), 'select 1')).toEqual([1]);
  await program.leave();
});

test('a first start that is killed half-way does not stand in the way of the next', async () => {
  const directory = await newDirectory();
  const program = startProgram({ directory });
  await until(() => isBeingSetUp(directory));
  for (const pid of await processesThatName(directory)) signalIfThere(pid, 'SIGKILL');
  const next = await openEmbeddedPostgres({ directory, settings });
  expect(await ask(next.url, 'select 1')).toEqual([1]);
  expect((await readdir(join(directory, 'postgres'))).join()).not.toContain('new');
  await next.close();
  expect(program.child.signalCode).toBe('SIGKILL');
});

async function isBeingSetUp(directory: string): Promise<boolean> {
  const names = await readdir(join(directory, 'postgres')).catch(() => []);
  const draft = names.find((name) => name.startsWith('cluster.new-'));
  if (draft === undefined) return false;
  return await access(join(directory, 'postgres', draft, 'data/base')).then(
    () => true,
    () => false,
  );
}

test('after a kill -9 of Postgres the next start has all that was committed', async () => {
  const directory = await newDirectory();
  const first = await openEmbeddedPostgres({ directory, settings });
  await ask(first.url, 'create table kept as select generate_series(1, 1000) as n');
  process.kill((await serverPid(directory)) ?? 0, 'SIGKILL');
  const next = await openEmbeddedPostgres({ directory, settings });
  expect(await ask(next.url, 'select count(*)::int from kept')).toEqual([1000]);
  expect(await logOf(directory)).toContain('was not properly shut down');
  await next.close();
  await first.close();
  expect(await serverPid(directory)).toBe(null);
});

test('a server that dies when it is spoken to is started again', async () => {
  const directory = await newDirectory();
  const first = await openEmbeddedPostgres({ directory, settings });
  const pid = (await serverPid(directory)) ?? 0;
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => signalIfThere(pid, 'SIGKILL'));
  const opening = openEmbeddedPostgres({ directory, settings });
  await until(() => isSpokenTo(Number(new URL(first.url).port)));
  process.kill(pid, 'SIGKILL');
  const next = await opening;
  expect(await ask(next.url, 'select 1')).toEqual([1]);
  await next.close();
  await first.close();
});

/** Whether a client's connection to this port stands; the system makes it, even for a frozen server. */
async function isSpokenTo(port: number): Promise<boolean> {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')} 01 `;
  return (await readFile('/proc/net/tcp', 'utf8')).includes(remote);
}

test('a pid file whose pid is now another living process does not prevent the start', async () => {
  const directory = await newDirectory();
  await (await openEmbeddedPostgres({ directory, settings })).close();
  // What a power cut leaves behind, read after the reboot. Not the pid of this process: Postgres
  // forgives that of its own grandparent.
  const bystander = startBystander();
  const data = join(directory, 'postgres/cluster/data');
  const stale = [bystander.pid, data, 1, 5432, '', '127.0.0.1', '123 456', 'ready'];
  await writeFile(pidFile(directory), `${stale.join('\n')}\n`);
  const next = await openEmbeddedPostgres({ directory, settings });
  expect(await ask(next.url, 'select 1')).toEqual([1]);
  await next.close();
  expect(bystander.isAlive()).toBe(true);
});

test('no server starts on data that a killed one still has children on', async () => {
  const directory = await newDirectory();
  const first = await openEmbeddedPostgres({ directory, settings });
  // Not by `ask`, for a stopped child never says good-bye.
  const client = new pg.Client({ connectionString: first.url });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const child = rows[0]?.pid ?? 0;
  process.kill(child, 'SIGSTOP');
  onTestFinished(() => signalIfThere(child, 'SIGKILL'));
  process.kill((await serverPid(directory)) ?? 0, 'SIGKILL');
  // And the dead server's pid has been given away, which is when its file is touched.
  const noted = await readFile(pidFile(directory), 'utf8');
  await writeFile(pidFile(directory), noted.replace(/^\d+/, `${startBystander().pid}`));
  const opening = openEmbeddedPostgres({ directory, settings });
  await until(async () => (await logOf(directory)).includes('shared memory block'));
  signalIfThere(child, 'SIGKILL');
  const next = await opening;
  expect(await ask(next.url, 'select 1')).toEqual([1]);
  await next.close();
  await first.close();
});

test('a start that is called off leaves no server and no half-made cluster', async () => {
  const directory = await newDirectory();
  const stop = new AbortController();
  const opening = openEmbeddedPostgres({ directory, settings, signal: stop.signal });
  const outcome = expect(opening).rejects.toThrow('called off');
  await until(() => isBeingSetUp(directory));
  stop.abort(new Error('called off'));
  await outcome;
  expect(await processesThatName(directory)).toEqual([]);
  expect((await readdir(join(directory, 'postgres'))).join()).not.toContain('cluster');
});

test('a start that is called off while the server comes up leaves none running', async () => {
  const directory = await newDirectory();
  await (await openEmbeddedPostgres({ directory, settings })).close();
  // Postgres waits in the middle of its start, for someone to write what it reads.
  const pipe = join(directory, 'postgres/cluster/data/pipe');
  expect((await run('mkfifo', ['-m', '666', pipe], { timeoutMs: 5_000 })).ok).toBe(true);
  await appendFile(join(dirname(pipe), 'postgresql.conf'), `include 'pipe'\n`);
  const stop = new AbortController();
  const opening = openEmbeddedPostgres({ directory, settings, signal: stop.signal });
  const outcome = expect(opening).rejects.toThrow('called off');
  const writer = await open(pipe, 'w');
  stop.abort(new Error('called off'));
  // Postgres reads its settings twice, and is to wait once.
  await rm(pipe);
  await writeFile(pipe, '', { mode: 0o666 });
  await writer.close();
  await outcome;
  expect((await logOf(directory)).match(/ready to accept connections/g)).toHaveLength(2);
  expect(await serverPid(directory)).toBe(null);
});

test('a server that cannot start is told with its own words, in bounded tries', async () => {
  const directory = await newDirectory();
  const opening = openEmbeddedPostgres({ directory, settings: { shared_buffers: '1' } });
  await expect(opening).rejects.toMatchObject({
    kind: 'database',
    message: expect.stringContaining('shared_buffers'),
    hint: expect.stringContaining('server.log'),
  });
});

test('data of another Postgres version are told, and left alone', async () => {
  const directory = await newDirectory();
  await (await openEmbeddedPostgres({ directory, settings })).close();
  await writeFile(join(directory, 'postgres/cluster/data/PG_VERSION'), '17\n');
  await expect(openEmbeddedPostgres({ directory, settings })).rejects.toMatchObject({
    kind: 'database',
    message: expect.stringContaining('are of Postgres 17'),
  });
});

test('a password that does not fit is told without being told', async () => {
  const directory = await newDirectory();
  await (await openEmbeddedPostgres({ directory, settings })).close();
  await appendFile(join(directory, 'postgres/cluster/password'), 'x');
  await expect(openEmbeddedPostgres({ directory, settings })).rejects.toMatchObject({
    kind: 'database',
    message: 'the embedded Postgres does not take connections (28P01)',
  });
  expect(await serverPid(directory)).toBe(null);
});

test('a log that has grown past its bound is turned over at the start', async () => {
  const directory = await newDirectory();
  await (await openEmbeddedPostgres({ directory, settings })).close();
  const log = join(directory, 'postgres/cluster/server.log');
  await appendFile(log, 'x'.repeat(1024 * 1024));
  await (await openEmbeddedPostgres({ directory, settings })).close();
  expect((await readFile(log)).length).toBeLessThan(10_000);
  expect((await readFile(`${log}.1`)).length).toBeGreaterThan(1024 * 1024);
});

test('an error that Postgres reports leaves no trace of the data in the log', async () => {
  const directory = await newDirectory();
  const postgres = await openEmbeddedPostgres({ directory, settings });
  await expect(ask(postgres.url, `select 'ada@example.com'::int`)).rejects.toThrow('ada');
  await postgres.close();
  expect(await logOf(directory)).not.toContain('ada');
});

test('a machine for which there are no binaries is told to set DATABASE_URL', async () => {
  await expect(findBinaries('plan9-vax')).rejects.toMatchObject({
    kind: 'settings',
    message: expect.stringContaining('DATABASE_URL'),
  });
});

test('a folder that cannot be made is a problem of the settings', async () => {
  const file = join(await newDirectory(), 'file');
  await writeFile(file, '');
  await expect(openEmbeddedPostgres({ directory: file })).rejects.toMatchObject({
    kind: 'settings',
    message: expect.stringContaining(file),
  });
});
