import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { serve } from '../support/canned-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { environmentFor, rowsOf, syncHere } from '../support/sync.ts';

/** Users as JSON text, letter by letter as the test writes them, over HTTP into Postgres and back. */
let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
  return () => database.drop();
});

/** A source with these users on one page; the list may be changed between two runs. */
async function serveUsers(texts: readonly string[]): Promise<string> {
  const server = await serve(({ path }) => {
    if (path.startsWith('/me')) return { body: { type: 'admin', app: { id_code: 'app' } } };
    const pages = '{"type":"pages","next":null,"page":1,"per_page":50,"total_pages":1}';
    const users = texts.join(',');
    return {
      body: `{"type":"user.list","total_count":${texts.length},"users":[${users}],"pages":${pages}}`,
    };
  });
  return server.url.href;
}

async function syncUsers(texts: readonly string[]) {
  const finished = await syncHere(environmentFor(await serveUsers(texts), database.url));
  expect(finished.report.error).toBeNull();
  return finished;
}

interface StoredUser {
  readonly id: string;
  readonly name: string | null;
  readonly raw: string;
}
const storedUsers = () =>
  rowsOf<StoredUser>(database.url, 'select id, name, raw::text as raw from intercom.users');
async function storedUser(): Promise<StoredUser> {
  const [user, ...others] = await storedUsers();
  if (!user || others.length > 0) throw new Error('not one user is stored');
  return user;
}

describe('characters that Postgres cannot hold', () => {
  test('become U+FFFD, deep in values and in keys, and are counted', async () => {
    const text = String.raw`{"id":"1","name":"nul \u0000 here","custom_attributes":{
      "key \u0000":[{"deep":["\u0000\u0000",{"deeper \ud83d":"\ude00"}]}],
      "swapped":"\ude00\ud83d","cut off":"\ud83d","a pair":"\ud83d\ude00 and \uD83D\uDE00",
      "written out":"\\u0000 and \\ud83d","backslash before one":"\\\u0000"}}`;
    const { events } = await syncUsers([text]);
    const user = await storedUser();
    expect(JSON.parse(user.raw)).toEqual({
      id: '1',
      name: 'nul \ufffd here',
      custom_attributes: {
        'key \ufffd': [{ deep: ['\ufffd\ufffd', { 'deeper \ufffd': '\ufffd' }] }],
        swapped: '\ufffd\ufffd',
        'cut off': '\ufffd',
        'a pair': '😀 and 😀',
        'written out': '\\u0000 and \\ud83d',
        'backslash before one': '\\\ufffd',
      },
    });
    expect(user.name).toBe('nul \ufffd here');
    const cleaned = events.filter(({ event }) => event === 'text_cleaned');
    // The list reads the page, and then the pass over what changed.
    expect(cleaned).toMatchObject([{ characters: 10 }, { characters: 10 }]);
  });

  test('cost nothing where there are none', async () => {
    const { events } = await syncUsers([
      String.raw`{"id":"1","name":"\u00e4 \\u0000 \ud83d\ude00"}`,
    ]);
    expect((await storedUser()).name).toBe('ä \\u0000 😀');
    expect(events.filter(({ event }) => event === 'text_cleaned')).toEqual([]);
  });
});

describe('numbers', () => {
  test.each([
    ['past 2^53', '9007199254740993'],
    ['below -2^63', '-9223372036854775809'],
    ['of thirty digits', '123456789012345678901234567890'],
    ['of a thirty-digit fraction', '0.100000000000000000000000000001'],
    ['of both', '-123456789012345678901234567890.098765432109876543210987654321'],
    ['of a price, with its last zero', '19.90'],
    ['of a thousand digits', '7'.repeat(1000)],
  ])('%s keep every digit', async (_, digits) => {
    await syncUsers([`{"id":"1","custom_attributes":{"n":${digits},"list":[[${digits}]]}}`]);
    expect((await storedUser()).raw).toBe(
      `{"id": "1", "custom_attributes": {"n": ${digits}, "list": [[${digits}]]}}`,
    );
  });

  test('with an exponent have the same value', async () => {
    await syncUsers([`{"id":"1","custom_attributes":{"large":1.5E+300,"small":-2e-300}}`]);
    const [attributes] = Object.values(JSON.parse((await storedUser()).raw)).slice(1);
    expect(attributes).toEqual({ large: 1.5e300, small: -2e-300 });
  });
});

describe('text', () => {
  test.each([
    ['newlines, tabs and other controls', String.raw`a\nb\tc\r\n\b\f\u0001\u001f\u007f`],
    ['backslashes and quotes', String.raw`C:\\temp\\n \"said\" \/ \\\\ '' $1 \\`],
    ['line separators, written out and as they are', `\\u2028\u2028\\u2029\u2029`],
    ['a byte order mark and what joins', '\ufeffa\u200db\u200f\u202e c\u0301'],
    ['255 letters of any script', `${'長é😀я'.repeat(63)}abc`],
  ])('%s: comes back as it was, as id, name, key and value', async (_, written) => {
    const text = `{"id":"${written}","name":"${written}","custom_attributes":{"${written}":["${written}"]}}`;
    await syncUsers([text]);
    const meant = JSON.parse(`"${written}"`);
    expect(await storedUser()).toEqual({ id: meant, name: meant, raw: expect.any(String) });
    expect(JSON.parse((await storedUser()).raw)).toEqual(JSON.parse(text));
  });

  test('of any characters and attributes of any shape: 300 users come back value by value', async () => {
    const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 255 });
    const person = fc.record({
      id: word,
      name: word,
      custom_attributes: fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }),
    });
    const many = {
      minLength: 300,
      maxLength: 300,
      selector: ({ id }: { id: string }) => clean(id),
    };
    const [people = []] = fc.sample(fc.uniqueArray(person, many), { numRuns: 1, seed: 20_161 });
    const texts = people.map((made) => JSON.stringify(made));
    await syncUsers(texts);
    const stored = new Map((await storedUsers()).map((user) => [user.id, user]));
    expect(stored.size).toBe(300);
    for (const text of texts) {
      const meant = JSON.parse(text.replaceAll(NUL_ESCAPE, '$1\ufffd'));
      const user = stored.get(meant.id);
      expect(user?.name).toBe(meant.name);
      expect(JSON.parse(user?.raw ?? 'null')).toEqual(meant);
    }
  });
});

const clean = (text: string) => text.replaceAll('\0', '\ufffd');
/** As `JSON.stringify` writes it, behind an even number of backslashes. */
const NUL_ESCAPE = /(?<!\\)((?:\\\\)*)\\u0000/g;

describe('users of an unusual shape', () => {
  test('5 MB of custom attributes in one of them', async () => {
    const attributes = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, at) => [`attribute ${at}`, `${at} `.repeat(12)]),
    );
    const large = JSON.stringify({ id: 'large', custom_attributes: attributes });
    expect(large.length).toBeGreaterThan(5_000_000);
    await syncUsers(['{"id":"before"}', large, '{"id":"after"}']);
    const stored = new Map((await storedUsers()).map(({ id, raw }) => [id, raw]));
    expect([...stored.keys()].sort()).toEqual(['after', 'before', 'large']);
    expect(JSON.parse(stored.get('large') ?? '')).toEqual(JSON.parse(large));
  });

  test('200 levels deep', async () => {
    const nested = `${'{"a":['.repeat(100)}"bottom"${']}'.repeat(100)}`;
    await syncUsers([`{"id":"deep","custom_attributes":${nested}}`]);
    const { raw } = await storedUser();
    expect(JSON.parse(raw)).toEqual({ id: 'deep', custom_attributes: JSON.parse(nested) });
  });
});

describe('users that cannot be stored', () => {
  const NO_ID = 'id: must be a non-empty string';
  const MILLION_DIGITS = `{"id":"digits","custom_attributes":{"n":${'8'.repeat(1_000_000)}}}`;
  const UNFIT: readonly (readonly [string, string | null, string])[] = [
    ['{"name":"no id", "custom_attributes":{"n":1.10}}', null, NO_ID],
    ['{"id":1234567890123456789012,"name":"a numeric id"}', null, NO_ID],
    ['{"id":"","name":"an empty id"}', null, NO_ID],
    ['{"id":null,"name":"a null id"}', null, NO_ID],
    ['"no object"', null, NO_ID],
    [MILLION_DIGITS, 'digits', 'sqlstate 22003'],
  ];
  const openRejects = () =>
    rowsOf(
      database.url,
      `select payload, user_id, reason from intercom.rejected_users
       where resolved_at is null order by id`,
    );

  test('are set aside with reason and exact text, and cost the others of the page nothing', async () => {
    const good = ['{"id":"first"}', '{"id":"middle"}', '{"id":"last"}'];
    const unfit = UNFIT.map(([text]) => text);
    const [first = '', middle = '', last = ''] = good;
    const { json, events } = await syncUsers([
      first,
      ...unfit.slice(0, 3),
      middle,
      ...unfit.slice(3),
      last,
    ]);
    expect(json).toMatchObject({ status: 'succeeded', inserted: 3, rejected: 2 * UNFIT.length });
    expect((await storedUsers()).map(({ id }) => id).sort()).toEqual(['first', 'last', 'middle']);
    const rejects = await openRejects();
    expect(rejects).toHaveLength(UNFIT.length);
    for (const [payload, user_id, reason] of UNFIT) {
      expect(rejects).toContainEqual({ payload, user_id, reason });
    }
    expect(events.filter(({ event }) => event === 'users_rejected')).toMatchObject([
      { level: 40, rejected: UNFIT.length },
      { level: 40, rejected: UNFIT.length },
    ]);
  });

  test('are set aside no more once they come as they should', async () => {
    const texts = ['{"id":"good"}', MILLION_DIGITS];
    const env = environmentFor(await serveUsers(texts), database.url);
    await syncHere(env);
    expect(await openRejects()).toMatchObject([{ user_id: 'digits' }]);
    texts[1] = '{"id":"digits","custom_attributes":{"n":8}}';
    expect((await syncHere(env, { mode: 'full' })).json).toMatchObject({ inserted: 1 });
    expect(await openRejects()).toEqual([]);
    expect((await storedUsers()).map(({ id }) => id).sort()).toEqual(['digits', 'good']);
  });
});
