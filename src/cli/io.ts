import { Command } from 'commander';
import type { Environment } from '../config.ts';
import { describeError, Interrupted, SyncError, whereOf } from '../errors.ts';
import { createLog } from '../log.ts';

/** What a command has of the process. Results go to stdout, all else to stderr. */
export interface Io {
  readonly env: Environment;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  /** Aborted with an `Interrupted` at the first signal. */
  readonly stop: AbortSignal;
  /** Where a command leaves its exit code. */
  exitCode: number;
}

/** A command whose wrong use is thrown, not printed and exited with commander's own codes. */
export function newCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    .showHelpAfterError('(--help explains)');
}

export function writeLine(stream: NodeJS.WritableStream, text: string): void {
  stream.write(`${text}\n`);
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof SyncError || error instanceof Interrupted) return error.exitCode;
  return 1;
}

/** Tells what ended a command: to people in words, to machines as a log line. */
export function tellFault(io: Io, error: unknown): void {
  if (error instanceof Interrupted) return;
  const { kind, message } = describeError(error);
  const hint = error instanceof SyncError ? error.hint : null;
  if (io.stderr.isTTY) {
    writeLine(io.stderr, `error: ${message}${hint === null ? '' : `\n${hint}`}`);
    const { where } = whereOf(error);
    if (where !== undefined) writeLine(io.stderr, where);
    return;
  }
  const log = createLog({ level: 'error', isTerminal: false, destination: io.stderr });
  log.error('command_failed', {
    error_kind: kind,
    error_message: message,
    hint,
    ...whereOf(error),
  });
}
