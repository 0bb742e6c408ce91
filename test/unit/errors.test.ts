import { expect, test } from 'vitest';
import {
  describeError,
  type ErrorKind,
  Interrupted,
  SyncError,
  whereOf,
} from '../../src/errors.ts';

test.each<[ErrorKind, number]>([
  ['bug', 1],
  ['settings', 2],
  ['credentials', 3],
  ['source', 4],
  ['incomplete', 4],
  ['database', 5],
  ['busy', 6],
])('an error of kind %s exits %i', (kind, exitCode) => {
  expect(new SyncError(kind, 'no').exitCode).toBe(exitCode);
});

test('a signal exits 128 more than its number', () => {
  expect(new Interrupted('SIGINT').exitCode).toBe(130);
  expect(new Interrupted('SIGTERM').exitCode).toBe(143);
});

test('our own errors are told in their words, all others by their class alone', () => {
  expect(describeError(new SyncError('busy', 'held', 'wait'))).toEqual({
    kind: 'busy',
    message: 'held',
  });
  for (const thrown of [new TypeError('ada@example.com'), 'ada@example.com', null]) {
    const { kind, message } = describeError(thrown);
    expect(kind).toBe('bug');
    expect(message).not.toContain('ada');
  }
  expect(describeError(new RangeError('x')).message).toContain('RangeError');
});

test('of a bug the place is told and not the message, of all else nothing', () => {
  const { where } = whereOf(new TypeError('a row of ada@example.com\nin two lines'));
  expect(where).toMatch(/^\s+at .*errors\.test\.ts/);
  expect(where).not.toContain('ada');
  expect(whereOf(new SyncError('bug', 'ours'))).toHaveProperty('where');
  expect(whereOf(new SyncError('database', 'away'))).toEqual({});
});
