import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The last of Intercom's own client for Node that speaks API 1.x. */
export const OFFICIAL_CLIENT = 'intercom-client@2.11.2';

const INSTALL_MAX_MS = 120_000;

export interface InstalledClient {
  readonly folder: string;
  remove(): Promise<void>;
}

/** In a folder of its own: it is nothing that this program depends on. Null where it does not install. */
export async function installOfficialClient(signal: AbortSignal): Promise<InstalledClient | null> {
  const folder = await mkdtemp(join(tmpdir(), 'intercom-sync-bench-client-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
  try {
    await writeFile(join(folder, 'package.json'), '{"private":true}');
    const options = { cwd: folder, timeout: INSTALL_MAX_MS, signal };
    await promisify(execFile)('npm', ['install', ...flags, OFFICIAL_CLIENT], options);
    return { folder, remove };
  } catch {
    await remove();
    signal.throwIfAborted();
    return null;
  }
}
