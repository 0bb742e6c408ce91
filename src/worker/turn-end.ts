import { describeError, Interrupted } from '../errors.ts';
import type { Turn, TurnEnd } from './turns.ts';

/** Intercom refused the token, or what else nobody but a person can mend. */
export type Refusal = { readonly kind: 'refused' };

/** After the first failure, after the second, …; then the turn is given up until the next tick. */
const RETRY_AFTER_SECONDS = [30, 60, 120, 240, 480];
/** Whoever holds the workspace does the work; afterwards little is left of it. */
const BUSY_SECONDS = 60;
/** The database was away for longer than a lease lives, or somebody took over and is found busy. */
const LEASE_LOST_SECONDS = 5;

/** What follows from what ended a turn early, in a run or before there was one. */
export function endOfFailure(
  error: unknown,
  isInRun: boolean,
  { failures }: Turn,
): TurnEnd | Refusal {
  if (error instanceof Interrupted) return { kind: 'handed back' };
  const { kind, message } = describeError(error);
  switch (kind) {
    case 'busy':
      return {
        kind: 'again',
        afterSeconds: isInRun ? LEASE_LOST_SECONDS : BUSY_SECONDS,
        failures,
      };
    case 'credentials':
    case 'settings':
      return { kind: 'refused' };
    case 'bug':
    // Everybody was read, and would be read again: that is for the next tick, not for the next minute.
    case 'incomplete':
      return { kind: 'given up', message };
    case 'source':
    case 'database':
      return retryLater(failures, message);
  }
}

export function retryLater(failures: number, message: string): TurnEnd {
  const afterSeconds = RETRY_AFTER_SECONDS[failures];
  if (afterSeconds === undefined) return { kind: 'given up', message };
  return { kind: 'again', afterSeconds, failures: failures + 1 };
}
