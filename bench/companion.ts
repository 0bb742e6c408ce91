import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A server in a process of its own: it says where it is in its first line. */
export interface Companion {
  readonly firstLine: string;
  /** Ends it; returns the line that it printed last. */
  stop(): Promise<string>;
}

/** The first start of a Postgres makes its cluster; a million answers take some seconds too. */
const START_MAX_MS = 120_000;
const STOP_MAX_MS = 60_000;

/**
 * Its stdin is our promise to be there: it ends when we end, however that comes about. A session of
 * its own keeps Ctrl-C from it, which would take it away before what still uses it.
 */
export async function startCompanion(script: string, argument: unknown): Promise<Companion> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(argument)], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let text = '';
  child.stdin.on('error', () => undefined);
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (text + chunk).split('\n');
    text = parts.pop() ?? '';
    lines.push(...parts);
    child.emit('lines');
  });
  const closed = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MAX_MS);
  await Promise.race([once(child, 'lines'), closed]);
  clearTimeout(timer);
  const [firstLine] = lines;
  if (firstLine === undefined) throw new Error(`${script} did not start`);
  return {
    firstLine,
    async stop() {
      const stopTimer = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
      child.stdin.end();
      await closed;
      clearTimeout(stopTimer);
      return lines.at(-1) ?? '';
    },
  };
}
