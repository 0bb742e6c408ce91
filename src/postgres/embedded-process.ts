import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** Where `unshare`, `id`, `chown` and `ps` live. The caller's own PATH is not ours to read. */
export const STANDARD_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';

const OUTPUT_CHARS_MAX = 4_000;

export interface RunOptions {
  readonly timeoutMs: number;
  readonly path?: string | undefined;
  readonly cwd?: string | undefined;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult {
  readonly ok: boolean;
  /** The last of what it printed, both streams. */
  readonly output: string;
}

/**
 * Runs a program to its end; never rejects. It gets a session of its own, for Ctrl-C in the terminal
 * goes to the whole foreground group: pg_ctl would take the half-started server down with it. What is
 * called off or takes too long is killed with all that it has started, and is over when they are.
 */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { PATH: options.path ?? STANDARD_PATH, LC_ALL: 'C' },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.user ?? {}),
    });
    // Not spawn's own `timeout` and `signal`: they end the program alone, and do not wait for it.
    const kill = () => killGroup(child.pid);
    const timer = setTimeout(kill, options.timeoutMs);
    options.signal?.addEventListener('abort', kill, { once: true });
    if (options.signal?.aborted) kill();
    const finish = (result: RunResult) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', kill);
      resolve(result);
    };
    let output = '';
    const keep = (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => finish({ ok: false, output: `${output}${error.message}` }));
    child.on('close', (code) => finish({ ok: code === 0, output }));
  });
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // They were over already.
  }
}

/**
 * This process in one line: its pid and its start, so that another one that is later given the same
 * pid is not taken for it.
 */
export async function ownMark(): Promise<string> {
  return `${process.pid} ${await startOf(process.pid)}`;
}

export async function isMarkAlive(mark: string): Promise<boolean> {
  const pid = Number.parseInt(mark, 10);
  const start = Number.isSafeInteger(pid) && pid > 0 ? await startOf(pid) : null;
  return start !== null && mark === `${pid} ${start}`;
}

/** When a living process was started, in words that are only good for comparing; else null. */
async function startOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') {
    const { ok, output } = await run('ps', ['-o', 'lstart=', '-p', `${pid}`], PS_OPTIONS);
    return ok ? output.trim() : null;
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The second field is the name in brackets and may hold anything, so count from its end:
  // the state comes next, and the start in ticks since boot 19 fields later.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isGone = fields[0] === 'Z' || fields[0] === 'X';
  if (isGone) return null;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()}/${fields[19]}`;
}

/** The words a living process was started with; none for a zombie or where there is no process. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return words.replaceAll('\0', ' ').trim();
  }
  const { ok, output } = await run('ps', ['-o', 'args=', '-p', `${pid}`], PS_OPTIONS);
  return ok ? output.trim() : '';
}

const PS_OPTIONS = { timeoutMs: 5_000 };
