import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FaultRule, Faults } from '../simulator/faults.ts';
import { type Oddity, oddities } from '../simulator/oddities.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../simulator/server.ts';
import { wholeFrom } from './flags.ts';
import { newCommand } from './io.ts';
import { faultOptions, readFaults } from './simulator-faults.ts';

export interface SimulatorCliOptions {
  host: string;
  port: number;
  users: number;
  seed: number;
  token: string;
  appId: string;
  anchorAt?: Date;
  rateLimit: number;
  oddities: readonly Oddity[];
  faults: Partial<Faults> & { rules: FaultRule[] };
}

export interface SimulatorIo {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  /** Aborted when a signal asks the program to stop. */
  stopped: AbortSignal;
}

const EXIT_STOPPED = 0;
const EXIT_SETTINGS = 2;
const USERS_MAX = 5_000_000;

/** Serves a simulated Intercom until it is stopped; the answer is the exit code. */
export async function runSimulator(
  options: SimulatorCliOptions,
  { stdout, stderr, stopped }: SimulatorIo,
): Promise<number> {
  let simulator: Simulator;
  try {
    simulator = await startSimulator(settingsOf(options));
  } catch (error) {
    const reason = refusalToListen(error);
    if (reason === undefined) throw error;
    stderr.write(`Cannot listen on ${options.host}:${options.port}: ${reason}.\n`);
    return EXIT_SETTINGS;
  }
  stdout.write(`${simulator.url}\n`);
  const { size } = simulator.workspace;
  stderr.write(`A simulated Intercom with ${size} users serves until it is stopped.\n`);
  if (!stopped.aborted) {
    await new Promise<void>((resolve) => {
      stopped.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  await simulator.close();
  return EXIT_STOPPED;
}

function settingsOf(options: SimulatorCliOptions): SimulatorOptions {
  const { rateLimit, ...settings } = options;
  return { ...settings, rateLimitPerWindow: rateLimit };
}

function refusalToListen(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'another program has this port; choose one with --port';
  if (code === 'EACCES') return 'this user may not take this port; choose one above 1023';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address';
  return undefined;
}

/** The `simulator` command. What runs it is given, so that nothing here knows of the process. */
export function simulatorCommand(run: (options: SimulatorCliOptions) => Promise<void>): Command {
  const command = newCommand(
    'simulator',
    'serve a simulated Intercom, to try things against, until a signal',
  )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '--port <number>',
      'port to listen on; 0 takes any that is free',
      wholeFrom(0, 65_535),
      0,
    )
    .option('--users <number>', 'how many users the workspace has', wholeFrom(0, USERS_MAX), 1_000)
    .option('--seed <number>', 'the same seed makes the same people', wholeFrom(0, 2 ** 31), 1)
    .option('--token <token>', 'the access token that is accepted', 'simulator-token')
    .option('--app-id <id>', 'the id of the app, as /me and the users name it', 'sim00001')
    .option('--anchor-at <instant>', "the instant that people's dates lie before", instant)
    .option('--rate-limit <number>', 'requests in ten seconds', wholeFrom(1, 1_000_000), 1_666)
    .addOption(
      new Option('--oddities [kinds]', `users that should not be: ${oddities.join(', ')}`)
        .argParser(parseOddities)
        .preset('all')
        .default([], 'none'),
    );
  for (const option of faultOptions()) command.addOption(option);
  return command.action(async (flags: Record<string, unknown>) => {
    // Each flag's parser has checked its value, and commander has put in the defaults.
    const { host, port, users, seed, token, appId, anchorAt, rateLimit, oddities } =
      flags as unknown as SimulatorCliOptions;
    await run({
      ...{ host, port, users, seed, token, appId, rateLimit, oddities },
      ...(anchorAt === undefined ? {} : { anchorAt }),
      faults: readFaults(flags),
    });
  });
}

function instant(text: string): Date {
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('It must be an instant such as 2026-01-31T00:00:00Z.');
}

function parseOddities(text: string): readonly Oddity[] {
  if (text === 'all') return oddities;
  return text.split(',').map((name) => {
    const known = oddities.find((oddity) => oddity === name);
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`There is no oddity '${name}'.`);
  });
}
