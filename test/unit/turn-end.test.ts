import { expect, test } from 'vitest';
import { type ErrorKind, Interrupted, SyncError } from '../../src/errors.ts';
import { endOfFailure } from '../../src/worker/turn-end.ts';

const TURN = { workspace: 'acme', failures: 0 };
const endOf = (kind: ErrorKind, isInRun = true) =>
  endOfFailure(new SyncError(kind, 'why'), isInRun, TURN);

test.each(['source', 'database'] as const)('%s is tried again soon, and counts', (kind) => {
  expect(endOf(kind)).toEqual({ kind: 'again', afterSeconds: 30, failures: 1 });
});

test.each(['credentials', 'settings'] as const)(
  '%s is refused: nobody but a person can mend it',
  (kind) => {
    expect(endOf(kind)).toEqual({ kind: 'refused' });
  },
);

test.each(['bug', 'incomplete'] as const)('%s is given up until the next tick', (kind) => {
  expect(endOf(kind)).toEqual({ kind: 'given up', message: 'why' });
});

test('a workspace that another holds is looked at later than one whose lease was lost', () => {
  expect(endOf('busy', false)).toEqual({ kind: 'again', afterSeconds: 60, failures: 0 });
  expect(endOf('busy', true)).toEqual({ kind: 'again', afterSeconds: 5, failures: 0 });
});

test('a signal hands the turn back', () => {
  expect(endOfFailure(new Interrupted('SIGTERM'), true, TURN)).toEqual({ kind: 'handed back' });
});

test('an error that nobody foresaw is a bug, and its message is not passed on', () => {
  const end = endOfFailure(new TypeError('jane@example.com is not a function'), true, TURN);
  expect(end).toMatchObject({ kind: 'given up' });
  expect(JSON.stringify(end)).not.toContain('jane');
});
