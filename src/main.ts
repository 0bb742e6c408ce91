#!/usr/bin/env node
import './postgres/drizzle-modules.ts';
import { type Command, CommanderError } from 'commander';
import { exitCodeOf, type Io, newCommand, tellFault } from './cli/io.ts';
import { Interrupted, type StopSignal } from './errors.ts';

const HELP = `
The first time:
  intercom-sync demo                       see it work, with no account and no database
  intercom-sync check                      prove the settings
  intercom-sync sync                       read the users of your workspace into your database
  intercom-sync worker                     go on doing so, on schedule

Settings are environment variables. Two are required:
  INTERCOM_ACCESS_TOKEN   an access token of the workspace
  DATABASE_URL            postgres://…, or the word embedded for a Postgres of the program's own

Exit codes: 0 done, 1 a bug, 2 settings or usage, 3 credentials refused, 4 Intercom unreachable or
incomplete, 5 the database, 6 another run holds the workspace, 130 and 143 stopped by a signal.`;

/** Each is loaded with all that it needs when it is asked for: a run has no use for the simulator. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  sync: async () => (await import('./cli/sync.ts')).syncCommand(io),
  worker: async () => (await import('./cli/worker.ts')).workerCommand(io),
  check: async () => (await import('./cli/check.ts')).checkCommand(io),
  migrate: async () => (await import('./cli/migrate.ts')).migrateCommand(io),
  status: async () => (await import('./cli/status.ts')).statusCommand(io),
  rejects: async () => (await import('./cli/rejects.ts')).rejectsCommand(io),
  query: async () => (await import('./cli/query.ts')).queryCommand(io),
  demo: async () => (await import('./cli/demo.ts')).demoCommand(io),
  simulator: async () => {
    const { runSimulator, simulatorCommand } = await import('./cli/simulator.ts');
    return simulatorCommand(async (options) => {
      io.exitCode = await runSimulator(options, { ...io, stopped: io.stop });
    });
  },
};

/** Whatever is in hand when a signal comes is finished or given up within this time. */
const STOP_WITHIN_MS = 9_000;

const stop = new AbortController();
const io: Io = {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  stop: stop.signal,
  exitCode: 0,
};

listenFor('SIGINT');
listenFor('SIGTERM');
// Whoever reads our output may stop reading: `| head` is no error, and no run ends for want of a log.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const program = newCommand(
    'intercom-sync',
    'Keeps a Postgres database equal to the users of an Intercom workspace.',
  )
    .addHelpText('after', HELP)
    .helpCommand(false);
  try {
    for (const load of commandsFor(args)) program.addCommand(await load());
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return tellUsage(args, error);
    tellFault(io, error);
    return stop.signal.aborted ? exitCodeOf(stop.signal.reason) : exitCodeOf(error);
  }
  return io.exitCode;
}

/** commander has told it to people already; help that was asked for is a success. */
async function tellUsage(args: readonly string[], { exitCode }: CommanderError): Promise<number> {
  if (exitCode === 0) return 0;
  if (args[0] === 'sync' && args.includes('--json'))
    (await import('./cli/sync.ts')).reportUsage(io);
  return 2;
}

/** The one that is named; all of them where none is, for help and for what is misspelt. */
function commandsFor([name = '']: readonly string[]): (() => Promise<Command>)[] {
  const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return named ? [named] : Object.values(COMMANDS);
}

/** The first signal asks to stop, the second does not ask. */
function listenFor(signal: StopSignal): void {
  process.on(signal, () => {
    const interrupted = new Interrupted(signal);
    if (stop.signal.aborted) process.exit(interrupted.exitCode);
    stop.abort(interrupted);
    setTimeout(() => process.exit(interrupted.exitCode), STOP_WITHIN_MS).unref();
  });
}
