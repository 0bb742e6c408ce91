import { createHash } from 'node:crypto';
import { access, cp, mkdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SyncError } from '../errors.ts';
import type { Binaries } from './embedded-binaries.ts';
import { type RunOptions, type RunResult, run } from './embedded-process.ts';

/** How to run a program of Postgres, which refuses to be run by root. */
export interface Account {
  /** The folder that holds the cluster; this account can enter it. */
  readonly home: string;
  /** The user that must own the cluster's files; null: whoever runs this program. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
  run(program: 'initdb' | 'pg_ctl', args: readonly string[], bounds: Bounds): Promise<RunResult>;
}

type Bounds = Pick<RunOptions, 'timeoutMs' | 'signal'>;
type User = NonNullable<Account['user']>;

const PROBE_TIMEOUT_MS = 20_000;
const COPY_TIMEOUT_MS = 60_000;
/** 65534 is `nobody` everywhere; inside a namespace of its own it is root's other name. */
const UNSHARE = ['--user', '--map-user=65534', '--map-group=65534'];
/** For data that cannot stay where it was asked for, as the account cannot enter that folder. */
const SYSTEM_DIRECTORY = '/var/lib/intercom-sync';

/**
 * As an ordinary user: as that user. As root: as the owner of the data, if that is another user; else
 * in a user namespace in which root is called `nobody`, which needs no second account, no copy of
 * the binaries, and works below a folder that is root's alone; else, where namespaces are refused
 * (most containers), as the user `postgres` or `nobody`.
 */
export async function chooseAccount(
  directory: string,
  binaries: Binaries,
  path: string,
): Promise<Account> {
  const home = await realpath(await existing(join(directory, 'home'), directory));
  const bin = join(binaries.native, 'bin');
  refuseForShell(home);
  refuseForShell(bin);
  if (process.geteuid?.() !== 0) return account(home, bin, path, null, []);
  const owner = await ownerOf(join(home, 'cluster'));
  if (owner !== null && owner.uid !== 0) return await accountOf(owner, home, binaries, path);
  const isNamespaceFit =
    (await run('unshare', [...UNSHARE, join(bin, 'postgres'), '--version'], probe(path))).ok &&
    (await run('unshare', [...UNSHARE, ...enter(home)], probe(path))).ok;
  if (isNamespaceFit) return account(home, bin, path, null, ['unshare', ...UNSHARE]);
  return await accountOf(await serviceUser(path), home, binaries, path);
}

/** pg_ctl builds a line for the shell, and puts paths between double quotes as they are. */
function refuseForShell(folder: string): void {
  if (!/["$`\\\n]/.test(folder)) return;
  throw new SyncError(
    'settings',
    `the embedded Postgres cannot work in a folder with one of " $ \` \\ in its name: ${folder}`,
    'move INTERCOM_SYNC_DIR, or the program, to a folder with a plainer name',
  );
}

function account(
  home: string,
  bin: string,
  path: string,
  user: User | null,
  prefix: readonly string[],
): Account {
  return {
    home,
    user,
    run: (program, args, bounds) => {
      const [command = '', ...rest] = [...prefix, join(bin, program), ...args];
      return run(command, rest, { ...bounds, path, cwd: home, ...(user === null ? {} : { user }) });
    },
  };
}

async function accountOf(
  user: User,
  asked: string,
  binaries: Binaries,
  path: string,
): Promise<Account> {
  const home = await reachableHome(user, asked, path);
  const owner = await ownerOf(join(home, 'cluster'));
  // Namespaces worked when the cluster was made, and no longer do.
  if (owner !== null && owner.uid !== user.uid) await giveTo(user, join(home, 'cluster'), path);
  const bin = join(binaries.native, 'bin');
  const canRun = (await run(join(bin, 'postgres'), ['--version'], { ...probe(path), user })).ok;
  return account(home, canRun ? bin : await copyBinaries(home, binaries, path), path, user, []);
}

async function reachableHome(user: User, asked: string, path: string): Promise<string> {
  const [command = '', ...args] = enter(asked);
  if ((await run(command, args, { ...probe(path), user })).ok) return asked;
  if ((await ownerOf(join(asked, 'cluster'))) !== null) {
    throw new SyncError(
      'settings',
      `the embedded Postgres cannot run as root, and uid ${user.uid} cannot enter ${asked}`,
      'let every user enter that folder, or move INTERCOM_SYNC_DIR to one where that is so',
    );
  }
  const name = createHash('sha256').update(asked).digest('hex').slice(0, 16);
  const home = join(SYSTEM_DIRECTORY, name);
  await mkdir(home, { recursive: true, mode: 0o755 });
  await symlink(home, join(asked, 'home'));
  return home;
}

/** Beside the data and not in a temporary folder: a running server goes on reading them. */
async function copyBinaries(home: string, binaries: Binaries, path: string): Promise<string> {
  const native = join(home, `native-${binaries.version}`);
  const bin = join(native, 'bin');
  if ((await existing(native, '')) !== '') return bin;
  const draft = `${native}.new`;
  await rm(draft, { recursive: true, force: true });
  await cp(binaries.native, draft, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith('.a'),
  });
  await run('chmod', ['-R', 'a+rX', draft], { timeoutMs: COPY_TIMEOUT_MS, path });
  await rename(draft, native);
  return bin;
}

/** Makes the account's user the owner of a file or folder, and of all in it. */
export async function giveTo(user: Account['user'], file: string, path: string): Promise<void> {
  if (user === null) return;
  const owner = `${user.uid}:${user.gid}`;
  const { ok } = await run('chown', ['-R', owner, file], { timeoutMs: COPY_TIMEOUT_MS, path });
  if (!ok) throw new SyncError('database', `cannot make uid ${user.uid} the owner of ${file}`);
}

async function serviceUser(path: string): Promise<User> {
  for (const name of ['postgres', 'nobody']) {
    const uid = await run('id', ['-u', name], probe(path));
    const gid = await run('id', ['-g', name], probe(path));
    if (uid.ok && gid.ok) return { uid: Number(uid.output), gid: Number(gid.output) };
  }
  throw new SyncError(
    'settings',
    'the embedded Postgres cannot run as root, and there is neither a user postgres nor nobody',
    'run this as an ordinary user, or set DATABASE_URL to a Postgres of yours',
  );
}

async function ownerOf(file: string): Promise<User | null> {
  const found = await stat(file).catch(() => null);
  return found === null ? null : { uid: found.uid, gid: found.gid };
}

async function existing(file: string, otherwise: string): Promise<string> {
  return await access(file).then(
    () => file,
    () => otherwise,
  );
}

function enter(directory: string): string[] {
  return ['/bin/sh', '-c', 'cd "$0"', directory];
}

function probe(path: string): { timeoutMs: number; path: string } {
  return { timeoutMs: PROBE_TIMEOUT_MS, path };
}
