import { describe, expect, test } from 'vitest';
import {
  parseAppId,
  parseErrorList,
  parseUserList,
  toSourcePage,
} from '../../src/intercom/user.ts';
import {
  partialUser,
  recordedUser,
  sampleOfAll,
  sampleOfThree,
} from '../support/recorded-users.ts';

function pageOf(json: unknown, page: number | null = null) {
  const list = parseUserList(json);
  if (!list) throw new Error('no list');
  return toSourcePage({ bytes: Buffer.from(JSON.stringify(json)), cleaned: 0 }, list, page);
}

describe('a list of users', () => {
  test("is each of the reference's samples", () => {
    expect(pageOf(sampleOfAll()).totalCount).toBe(105);
    expect(pageOf(sampleOfAll()).users).toHaveLength(50);
    for (const sample of [sampleOfThree('email'), sampleOfThree('phone')]) {
      expect(pageOf(sample)).toMatchObject({ totalCount: 3 });
      expect(pageOf(sample).users).toHaveLength(3);
    }
  });

  test('holds whole users and users with keys missing alike', () => {
    const { users } = pageOf({ users: [recordedUser(), partialUser()] });
    expect(users).toEqual([
      { id: '5cc2a7b93e1f4d0a6b8c9d01', appId: 'exampleapp', updatedAtSeconds: 1_556_000_100 },
      { id: '5cc2a7b93e1f4d0a6b8c', appId: 'exampleapp', updatedAtSeconds: null },
    ]);
  });

  test.each([
    ['no id', { id: undefined }, null],
    ['a null id', { id: null }, null],
    ['an empty id', { id: '' }, null],
    ['a number for an id', { id: 7 }, null],
    ['an id of one character', { id: 'x' }, 'x'],
    ['a blank id', { id: ' ' }, ' '],
  ])('with a user of %s keeps that user in its place', (_, changes, id) => {
    const users = [recordedUser({ id: 'a' }), recordedUser(changes), recordedUser({ id: 'b' })];
    expect(pageOf({ users }).users.map((user) => user.id)).toEqual(['a', id, 'b']);
  });

  test.each([[null], [7], ['text'], [true], [[]], [[[]]]])(
    'holds %o as a user without an id',
    (user) => {
      expect(pageOf({ users: [user, recordedUser()] }).users[0]).toEqual({
        id: null,
        appId: null,
        updatedAtSeconds: null,
      });
    },
  );

  test.each([
    [1_556_000_100, 1_556_000_100],
    [1_556_000_100_123, 1_556_000_100_123],
    [-62_135_596_800, -62_135_596_800],
    ['2019-04-23T06:15:00Z', null],
    ['1556000100', null],
    [null, null],
    [{}, null],
  ])('takes %o for the time of an update, or for none', (updated_at, seconds) => {
    const page = pageOf({ users: [recordedUser({ updated_at })] });
    expect(page.users[0]?.updatedAtSeconds).toBe(seconds);
    expect(page.users[0]?.id).not.toBeNull();
  });

  test.each([105, 0])('counts %i', (total_count) => {
    expect(pageOf({ users: [], total_count }).totalCount).toBe(total_count);
  });

  test.each([undefined, null, '105', -1, 1.5, 1e30])('that counts %o counts nothing', (count) => {
    expect(pageOf({ users: [], total_count: count }).totalCount).toBeNull();
  });

  test.each([
    [null],
    [[]],
    ['users'],
    [{}],
    [{ users: null }],
    [{ users: {} }],
    [{ type: 'contact.list', data: [] }],
    [{ users: [], pages: { next: { page: 2, starting_after: 'x' } } }],
  ])('is not %o', (json) => {
    expect(parseUserList(json)).toBeNull();
  });
});

describe('a list of errors', () => {
  test.each([
    [{ code: 'not_found', message: 'no', field: 'id' }, 'not_found', 'no'],
    [{ type: 'unauthorized', message: 'no' }, 'unauthorized', 'no'],
    [{ code: 'not_found', type: 'other' }, 'not_found', null],
    [{ code: 'scroll_exists', message: null, field: null }, 'scroll_exists', null],
    [{ code: null, type: 'unauthorized' }, 'unauthorized', null],
    [{ code: 17, message: ['no'] }, null, null],
    [{}, null, null],
  ])('with %o tells its code and message', (error, code, message) => {
    const json = { type: 'error.list', request_id: null, errors: [error] };
    expect(parseErrorList(json)).toEqual({ code, message, requestId: null });
  });

  test('may have no request id, no errors, or more than one', () => {
    expect(parseErrorList({ type: 'error.list', errors: [] })).not.toBeNull();
    expect(parseErrorList({ type: 'error.list', request_id: 'r1', errors: [] })?.requestId).toBe(
      'r1',
    );
    const errors = [{ code: 'first' }, { code: 'second' }];
    expect(parseErrorList({ type: 'error.list', errors })?.code).toBe('first');
    expect(parseErrorList({ type: 'error.list' })).not.toBeNull();
  });

  test.each([[null], [{}], [[]], ['error.list'], [{ type: 'user.list', errors: [] }]])(
    'is not %o',
    (json) => {
      expect(parseErrorList(json)).toBeNull();
    },
  );
});

test('the app is told by its code, and by nothing else', () => {
  expect(parseAppId({ type: 'admin', app: { type: 'app', id_code: 'exampleapp' } })).toBe(
    'exampleapp',
  );
  for (const json of [null, {}, { app: null }, { app: {} }, { app: { id_code: '' } }]) {
    expect(parseAppId(json)).toBeNull();
  }
});
