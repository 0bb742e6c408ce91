import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { EmbeddedOptions } from '../../src/postgres/embedded.ts';

const POLL_MS = 20;
const POLL_TIMEOUT_MS = 60_000;
/** Nothing of what these tests kill is a machine, so nothing needs the disk. */
export const FAST = { fsync: 'off' };

/** A fresh folder; when the test is over, its server and every trace of it are gone. */
export async function newDirectory(parent = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(parent, 'intercom-sync-embedded-'));
  onTestFinished(async () => {
    const home = await readlink(join(directory, 'postgres', 'home')).catch(() => null);
    for (const place of home === null ? [directory] : [directory, home]) {
      await until(async () => {
        const pids = await processesThatName(place);
        for (const pid of pids) signalIfThere(pid, 'SIGKILL');
        return pids.length === 0;
      });
      await rm(place, { recursive: true, force: true, maxRetries: 10 });
    }
    if (home !== null) await rmdir(dirname(home)).catch(() => undefined);
  });
  return directory;
}

/** Polls until the condition holds; the bound is only there for a test that is stuck. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + POLL_TIMEOUT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so within ${POLL_TIMEOUT_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** Living processes with this in their command line; a zombie has none. */
export async function processesThatName(words: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(words)) found.push(pid);
  }
  return found;
}

export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The pid of the server on this directory; null where none is running. */
export async function serverPid(directory: string): Promise<number | null> {
  const home = await readlink(join(directory, 'postgres', 'home')).catch(() =>
    join(directory, 'postgres'),
  );
  const data = join(home, 'cluster', 'data');
  const file = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(file, 10);
  return (await processesThatName(data)).includes(pid) ? pid : null;
}

/** The pid of a process that has nothing to do with any of this, and its ways to be asked after. */
export function startBystander(): { readonly pid: number; isAlive(): boolean } {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    isAlive: () => child.exitCode === null && child.signalCode === null,
  };
}

export interface Program {
  readonly child: ChildProcessWithoutNullStreams;
  /** Waits for the server; fails with what the program said if it has none. */
  url(): Promise<string>;
  /** Leaves in good order. */
  leave(): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface ProgramOptions {
  readonly user?: { readonly uid: number; readonly gid: number };
  /** A checkout and a Node that the user can read; else this one. */
  readonly checkout?: string;
  readonly node?: string;
  readonly isDeafToInterrupt?: boolean;
}

/** Another program that uses the server, at the head of a process group of its own. */
export function startProgram(use: EmbeddedOptions, options: ProgramOptions = {}): Program {
  const script =
    options.checkout === undefined
      ? fileURLToPath(new URL('./embedded-program.ts', import.meta.url))
      : join(options.checkout, 'test/support/embedded-program.ts');
  const deaf = options.isDeafToInterrupt ? ['deaf'] : [];
  const child = spawn(
    options.node ?? process.execPath,
    [script, JSON.stringify({ settings: FAST, ...use }), ...deaf],
    { cwd: '/', detached: true, ...options.user },
  );
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const firstLine = once(createInterface(child.stdout), 'line');
  return {
    child,
    url: async () => {
      const failed = exited.then(([code, signal]) => {
        throw new Error(`the program ended (${code ?? signal}): ${errors}`);
      });
      const [line] = await Promise.race([firstLine, failed]);
      return `${line}`;
    },
    leave: async () => {
      child.stdin.end();
      const [code] = await exited;
      if (code !== 0) throw new Error(`the program failed (${code}): ${errors}`);
    },
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}
