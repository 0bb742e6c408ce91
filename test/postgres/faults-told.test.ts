import assert from 'node:assert';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import {
  isConnectionLoss,
  isLockTimeout,
  isRefusedData,
  isRetryable,
  translateDriverError,
  translateFault,
} from '../../src/postgres/faults.ts';

/** What the server says with this SQLSTATE, and a text of its own that must not be repeated. */
function said(sqlstate: string): unknown {
  const error = new pg.DatabaseError('planted@example.org', 1, 'error');
  error.code = sqlstate;
  return translateFault(error);
}

describe('what is done about a SQLSTATE', () => {
  test.each([
    ['08006', 'lost'],
    ['08P01', 'lost'],
    ['57P01', 'lost'],
    ['57P02', 'lost'],
    ['57P03', 'lost'],
    ['25P03', 'lost'],
    ['40001', 'again'],
    ['40P01', 'again'],
    ['55P03', 'again'],
    ['53300', 'again'],
    ['25006', 'again'],
    ['22003', 'refused'],
    ['22P05', 'refused'],
    ['23514', 'refused'],
    ['54000', 'refused'],
    ['42501', 'final'],
    ['42P01', 'final'],
    ['53100', 'final'],
    ['57014', 'final'],
    ['XX000', 'final'],
    // What is in the middle is no class.
    ['42222', 'final'],
    ['XX540', 'final'],
  ])('%s: %s', (sqlstate, what) => {
    const fault = said(sqlstate);
    expect(isConnectionLoss(fault)).toBe(what === 'lost');
    expect(isRetryable(fault)).toBe(what === 'lost' || what === 'again');
    expect(isRefusedData(fault)).toBe(what === 'refused');
    expect(isLockTimeout(fault)).toBe(sqlstate === '55P03');
  });
});

describe('what a person is told to do', () => {
  test.each([
    ['28P01', 'user and password'],
    ['28000', 'pg_hba.conf'],
    ['3D000', 'create it'],
    ['42501', 'grant create on database'],
    ['42P01', 'intercom-sync migrate'],
    ['42P07', 'a database of its own'],
    ['3F000', 'intercom-sync migrate'],
    ['25006', 'primary'],
    ['53100', 'make room'],
    ['53300', 'max_connections'],
    ['55P03', 'pg_stat_activity'],
    ['57014', 'pg_stat_activity'],
  ])('about %s holds: %s', (sqlstate, words) => {
    expect(said(sqlstate)).toMatchObject({
      kind: 'database',
      message: expect.stringContaining(`(sqlstate ${sqlstate})`),
      hint: expect.stringContaining(words),
    });
    expect((said(sqlstate) as Error).message).not.toContain('planted');
  });

  test('of a SQLSTATE that nothing is known of is that alone', () => {
    expect(said('XX000')).toMatchObject({
      message: 'the database refused a statement (sqlstate XX000)',
      hint: null,
    });
  });
});

describe('an error of the system', () => {
  const failed = (code: string, more = {}) =>
    Object.assign(new Error('planted@example.org'), { code, ...more });

  test.each([
    ['ECONNREFUSED', 'is Postgres running'],
    ['ENOTFOUND', 'spelling'],
    ['EAI_AGAIN', 'DNS'],
    ['EPIPE', 'host and port'],
  ])('%s is a lost connection, and told: %s', (code, words) => {
    const fault = translateDriverError(failed(code));
    expect(isConnectionLoss(fault)).toBe(true);
    expect(fault).toMatchObject({ hint: expect.stringContaining(words) });
    expect((fault as Error).message).toContain(code);
  });

  test('for each of several addresses is told by the first that says why', () => {
    const nameless = new Error('planted@example.org');
    const fault = translateDriverError(new AggregateError([nameless, failed('ECONNREFUSED')]));
    expect((fault as Error).message).toContain('ECONNREFUSED');
  });

  test('that misses a file is a setting, and one that misses a socket is not', () => {
    expect(translateDriverError(failed('ENOENT', { syscall: 'open' }))).toMatchObject({
      kind: 'settings',
    });
    const socket = translateDriverError(failed('ENOENT', { syscall: 'connect' }));
    expect(socket).toMatchObject({ kind: 'database' });
    expect(isConnectionLoss(socket)).toBe(true);
  });

  test.each([
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_HAS_EXPIRED',
    'EPROTO',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('%s is of TLS, and trying again is of no use', (code) => {
    const fault = translateDriverError(failed(code));
    expect(fault).toMatchObject({ message: expect.stringContaining('TLS') });
    expect(isRetryable(fault)).toBe(false);
  });

  test('without a code is a lost connection, but a bug of the driver is a bug', () => {
    expect(isConnectionLoss(translateDriverError(new Error('planted@example.org')))).toBe(true);
    const bug = new TypeError('a bug');
    expect(translateDriverError(bug)).toBe(bug);
  });

  test.each([
    ['a value that Node refuses', () => Buffer.from(7 as never)],
    ['a number out of its range', () => Buffer.alloc(-1)],
    ['an assertion that fails', () => assert(false)],
  ])('is a bug, and not retried, where its code is that of %s', (_, err) => {
    const bug = thrownBy(err);
    expect(bug).toHaveProperty('code');
    expect(translateDriverError(bug)).toBe(bug);
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
