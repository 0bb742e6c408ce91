/**
 * Errors by what the caller does next. The kind decides the exit code, `error_kind` in `sync_runs`
 * and whether anything is tried again; the message says what failed and the hint what to do.
 * Neither ever holds a secret or personal datum: both are printed, logged and stored.
 */
export type ErrorKind =
  | 'settings'
  | 'credentials'
  | 'source'
  | 'incomplete'
  | 'database'
  | 'busy'
  | 'bug';

const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  bug: 1,
  settings: 2,
  credentials: 3,
  source: 4,
  incomplete: 4,
  database: 5,
  busy: 6,
};

export class SyncError extends Error {
  override readonly name = 'SyncError';
  readonly kind: ErrorKind;
  readonly hint: string | null;

  constructor(kind: ErrorKind, message: string, hint: string | null = null) {
    super(message);
    this.kind = kind;
    this.hint = hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** The reason every wait and request is aborted with when a signal asks the program to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }

  get exitCode(): number {
    return this.signal === 'SIGINT' ? 130 : 143;
  }
}

/**
 * What may be said of any thrown value. A message that we did not write can carry row values or
 * addresses (the driver's `detail`, Drizzle's parameters), so of those only the class name is kept.
 */
export function describeError(error: unknown): { kind: ErrorKind; message: string } {
  if (error instanceof SyncError) return { kind: error.kind, message: error.message };
  const name = error instanceof Error ? error.name : typeof error;
  return {
    kind: 'bug',
    message: `unexpected ${name}; please report it with the steps that led here`,
  };
}

const FRAMES_MAX = 8;

/**
 * Of a bug the place, for whoever mends it, as a field of a log line: the stack without the message,
 * which may hold a datum. Nothing of what is no bug.
 */
export function whereOf(error: unknown): { readonly where?: string } {
  if (describeError(error).kind !== 'bug') return {};
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return { where: frames.slice(0, FRAMES_MAX).join('\n') };
}
