import { describeError, Interrupted } from '../errors.ts';
import type { Turn, TurnEnd } from './schedule.ts';

/** Intercom refused the token, or what else nobody but a person can mend. */
export type Refusal = { readonly kind: 'refused' };

/** After the first failure, after the second, …; then the turn is given up until the next tick. */
const RETRY_AFTER_SECONDS = [30, 60, 120, 240, 480];
/** Whoever holds the workspace does the work; afterwards little is left of it. */
const BUSY_SECONDS = 60;

/** What follows from what ended a turn early. */
export function endOfFailure(error: unknown, { failures }: Turn): TurnEnd | Refusal {
  if (error instanceof Interrupted) return { kind: 'handed back' };
  const { kind, message } = describeError(error);
  switch (kind) {
    case 'busy':
      return { kind: 'again', afterSeconds: BUSY_SECONDS, failures };
    case 'credentials':
    case 'settings':
      return { kind: 'refused' };
    case 'bug':
      return { kind: 'given up', message };
    case 'source':
    case 'incomplete':
    case 'database':
      return retryLater(failures, message);
  }
}

export function retryLater(failures: number, message: string): TurnEnd {
  const afterSeconds = RETRY_AFTER_SECONDS[failures];
  if (afterSeconds === undefined) return { kind: 'given up', message };
  return { kind: 'again', afterSeconds, failures: failures + 1 };
}
