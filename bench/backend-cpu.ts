import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Linux counts processor time for its users in hundredths of a second, whatever the kernel does. */
const TICK_MS = 10;
/** Between a backend's last word and its parent's hearing of its end. */
const REAP_MS = 50;

/**
 * The processor time of all children of the postmaster that have ended. `backendPid` is any living
 * one. Exact to a tick, where a look at a living backend always comes before its last work.
 */
export async function readBackendCpuMs(backendPid: number): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  await sleep(REAP_MS);
  const backend = await readStat(backendPid);
  const postmaster = backend && (await readStat(backend.parentPid));
  // A server elsewhere has pids too, and here they are of other programs.
  if (!postmaster || backend.name !== 'postgres' || postmaster.name !== 'postgres') return null;
  return postmaster.endedChildrenTicks * TICK_MS;
}

async function readStat(pid: number) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The name may hold anything, brackets and blanks too; the state is the first field behind it.
  const nameEnd = stat.lastIndexOf(')');
  const fields = stat.slice(nameEnd + 2).split(' ');
  return {
    name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    parentPid: Number(fields[1]),
    endedChildrenTicks: Number(fields[13]) + Number(fields[14]),
  };
}
