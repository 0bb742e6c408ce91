import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readlink, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../errors.ts';
import { isMarkAlive, ownMark } from './embedded-process.ts';

/** Longer than the slowest holder: a first start (initdb) or a recovery, each with its own bound. */
const LOCK_TIMEOUT_MS = 240_000;
const LOCK_POLL_MS = 40;
const FREE = 'free';

/**
 * Does `work` while no other program does, and survives the death of any of them. Node has no flock,
 * so a lock is a dangling symbolic link: made whole or not at all, its target naming the holder.
 *
 * Its name is a number that only grows, because a dead holder's lock cannot be taken away safely:
 * between seeing that it is dead and removing it, another may have done both and taken the lock
 * anew. The next number, though, is made by one program only. The highest counts; it is never
 * removed before a higher one exists.
 */
export async function withLock<T>(
  directory: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const number = await acquire(directory, signal);
  try {
    return await work();
  } finally {
    await symlink(FREE, join(directory, `${number + 1}`));
    await rm(join(directory, `${number}`), { force: true });
  }
}

async function acquire(directory: string, signal: AbortSignal | undefined): Promise<number> {
  await mkdir(directory, { recursive: true });
  const mark = await ownMark();
  const deadline = performance.now() + LOCK_TIMEOUT_MS;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const number = await tryAcquire(directory, mark);
    if (number !== null) return number;
    await sleep(LOCK_POLL_MS);
  }
  throw new SyncError(
    'database',
    `another program has been starting or stopping the embedded Postgres for ${LOCK_TIMEOUT_MS / 1000} s`,
    `end the program that is named by the link in ${directory}, and run this again`,
  );
}

async function tryAcquire(directory: string, mark: string): Promise<number | null> {
  const highest = await highestNumber(directory);
  if (highest > 0 && (await isHeld(join(directory, `${highest}`)))) return null;
  return await takeNumber(directory, highest + 1, mark);
}

/** Exported for its test: what it guards against is a matter of microseconds. */
export async function takeNumber(
  directory: string,
  number: number,
  mark: string,
): Promise<number | null> {
  const path = join(directory, `${number}`);
  const isMade = await symlink(mark, path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (!isMade) return null;
  // Whoever slept since it looked may have made a number that others used and removed meanwhile.
  if ((await highestNumber(directory)) !== number) {
    await rm(path, { force: true });
    return null;
  }
  for (const name of await readdir(directory)) {
    if (Number(name) < number) await rm(join(directory, name), { force: true });
  }
  return number;
}

async function highestNumber(directory: string): Promise<number> {
  const numbers = (await readdir(directory)).map(Number).filter(Number.isSafeInteger);
  return Math.max(0, ...numbers);
}

async function isHeld(path: string): Promise<boolean> {
  const holder = await readlink(path).catch(() => null);
  // Gone since the listing: a higher one exists, so look again.
  if (holder === null) return true;
  return holder !== FREE && (await isMarkAlive(holder));
}

/** Says that this program uses the server. Call it, as all below, with the lock held. */
export async function register(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, randomUUID());
  await symlink(await ownMark(), path);
  return path;
}

export async function unregister(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** How many living programs use the server; what those that died left behind is removed. */
export async function countRegistered(directory: string): Promise<number> {
  let living = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    if (await isMarkAlive(await readlink(path))) living += 1;
    else await unlink(path);
  }
  return living;
}
