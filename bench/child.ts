import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What `resources.js` tells of the process it was loaded into. */
export interface Resources {
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

/** What one process did from its start to its end. */
export interface ChildRun extends Resources {
  readonly stdout: string;
  /** From before it was started until it was gone. */
  readonly wallMs: number;
}

export interface ChildOptions {
  readonly script: string;
  readonly args: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly maxMs: number;
  readonly signal: AbortSignal;
}

const RESOURCES = new URL('./resources.js', import.meta.url).href;
const STDERR_TOLD_MAX = 2_000;

/** Runs a script of this repository to its end in a Node of its own. Throws if it fails. */
export async function runChild(options: ChildOptions): Promise<ChildRun> {
  const { script, args, nodeFlags = [], env, maxMs, signal } = options;
  signal.throwIfAborted();
  const path = fileURLToPath(new URL(script, import.meta.url));
  const startedMs = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, '--import', RESOURCES, path, ...args], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const kill = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const timer = setTimeout(kill, maxMs);
  // All three are pipes, as `stdio` asks for.
  const pipes = [child.stdio[1], child.stdio[2], child.stdio[3]] as Readable[];
  const said = Promise.all(pipes.map((pipe) => text(pipe)));
  const [code, killedBy] = await once(child, 'close');
  const wallMs = performance.now() - startedMs;
  clearTimeout(timer);
  signal.removeEventListener('abort', kill);
  signal.throwIfAborted();
  const [stdout = '', stderr = '', resources = ''] = await said;
  if (code !== 0) {
    const end = (stderr + stdout).slice(-STDERR_TOLD_MAX);
    throw new Error(`${script} ${args.join(' ')} ended with ${killedBy ?? code}: ${end}`);
  }
  return { stdout, wallMs, ...(JSON.parse(resources) as Resources) };
}
