import { statfs } from 'node:fs/promises';
import {
  arch,
  availableParallelism,
  cpus,
  loadavg,
  release,
  tmpdir,
  totalmem,
  type,
} from 'node:os';

/** Where the figures are from: figures of two machines say nothing of each other. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** The file system that the embedded Postgres keeps its data on. */
  readonly disk: string;
  /** Of the minute before: anything but idle is noise. */
  readonly loadBefore: number;
}

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs (memory: a commit waits for nothing here)',
  2035054128: 'overlayfs',
  801189825: 'zfs',
  26: 'apfs',
};

export async function describeMachine(): Promise<Machine> {
  const { type: fileSystem } = await statfs(tmpdir());
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()} ${arch()}`,
    node: process.version,
    disk: FILE_SYSTEMS[fileSystem] ?? `0x${fileSystem.toString(16)}`,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}
