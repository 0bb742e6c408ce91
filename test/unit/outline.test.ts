import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseOutline, splitUsers } from '../../src/intercom/outline.ts';
import { parseUserList, toSourcePage } from '../../src/intercom/user.ts';
import { anyString, anyValue, chooser, render, type Value } from './json-text.ts';

const entry = (key: string, value: Value) => [key, value] as const;
const outlineOf = (text: string) => parseOutline(Buffer.from(text));
const textsOf = (text: string) => splitUsers(Buffer.from(text)).map(String);

/** As whoever parses all of it sees it. */
function parsed(text: string): { json: unknown } | 'no JSON' {
  try {
    return { json: JSON.parse(text) };
  } catch {
    return 'no JSON';
  }
}

function outlined(text: string): { json: unknown } | 'no JSON' {
  try {
    return { json: outlineOf(text) };
  } catch (error) {
    if (error instanceof SyntaxError) return 'no JSON';
    throw error;
  }
}

/** What is read of a body. */
function readOf(text: string, parse: typeof parsed) {
  const body = parse(text);
  if (body === 'no JSON') return body;
  const list = parseUserList(body.json);
  return (
    list && {
      list: { ...list, users: [] },
      users: toSourcePage({ bytes: Buffer.from(text), cleaned: 0 }, list, 1).users,
    }
  );
}

/** Users with what is needed of them, twice or of another kind, among all that is not. */
const anyUser: fc.Arbitrary<Value> = fc.oneof(
  anyValue,
  fc
    .array(
      fc.tuple(
        fc.oneof(anyString, fc.constantFrom('id', 'app_id', 'updated_at', 'idle')),
        anyValue,
      ),
      { maxLength: 6 },
    )
    .map((entries): Value => ({ kind: 'object', entries })),
);
const anyPage = fc
  .tuple(
    fc.array(
      fc.tuple(
        fc.constantFrom('pages', 'total_count', 'scroll_param', 'userses', 'type'),
        anyValue,
      ),
      { maxLength: 4 },
    ),
    fc.oneof({ weight: 4, arbitrary: fc.array(anyUser, { maxLength: 5 }) }, anyValue),
    fc.integer(),
  )
  .map(([around, users, seed]) => {
    const choose = chooser(seed);
    const entries = [...around, entry('users', users)].sort(() => choose(3) - 1);
    return render({ kind: 'object', entries }, choose).toWellFormed();
  });
/** All of it is passed over, so that nobody else would notice. */
const anyIdlePage = fc
  .tuple(fc.array(anyValue, { maxLength: 4 }), fc.integer())
  .map(([idle, seed]) =>
    `{"users":[{"id":"a","idle":${render(idle, chooser(seed))}}]}`.toWellFormed(),
  );

describe('the outline of a body', () => {
  test('tells of a page what all of it would tell, however it is written', () => {
    fc.assert(
      fc.property(anyPage, (text) => {
        expect(parsed(text)).not.toBe('no JSON');
        expect(readOf(text, outlined)).toEqual(readOf(text, parsed));
      }),
      { numRuns: 3_000 },
    );
  });

  test('is all of a body that has no users', () => {
    fc.assert(
      fc.property(anyValue, fc.integer(), (value, seed) => {
        const text = render(value, chooser(seed)).toWellFormed();
        if (!text.includes('users')) expect(outlined(text)).toEqual(parsed(text));
      }),
      { numRuns: 1_000 },
    );
  });

  test('has no more than it needs of each user', () => {
    const user = {
      type: 'user',
      id: 'a',
      tags: { users: [{ id: 'b' }] },
      app_id: 'c',
      updated_at: 1,
      idle: 2,
    };
    expect(
      outlineOf(JSON.stringify({ type: 'user.list', users: [user, 5, [user]], of: [user] })),
    ).toEqual({
      type: 'user.list',
      users: [{ id: 'a', app_id: 'c', updated_at: 1 }, 5, [user]],
      of: [user],
    });
  });

  test.each([
    ['many users', 3_000, 1],
    ['one user with a large id', 1, 100_000],
    ['many with large ids', 100, 1_000],
  ])('has room for %s', (_, count, idLength) => {
    const users = Array.from({ length: count }, (_, nth) => ({
      id: `${nth}`.padEnd(idLength, 'é'),
    }));
    const page = { users, total_count: count };
    expect(parseOutline(Buffer.from(JSON.stringify(page)))).toEqual(page);
  });

  test.each(['0', '-0', '12.30', '1e5', '1E+5', '-1.5e-05'])(
    'passes over the number %s',
    (number) => {
      const outline = outlineOf(`{"users":[{"id":"a","n":${number}},{"n":[${number} ]}]}`);
      expect(outline).toEqual({ users: [{ id: 'a' }, {}] });
    },
  );

  test('is refused wherever one byte more, less or other makes a page no JSON, and nowhere else', () => {
    const bytes = fc.constantFrom(
      ...Buffer.from('"\\/{}[],:.-+019eEtrufalsn \t\n\u0001\u001f\u007fx'),
    );
    const change = fc.tuple(fc.nat(), bytes, fc.constantFrom('more', 'less', 'other'));
    const anyChanges = fc.array(change, { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(fc.oneof(anyPage, anyIdlePage), anyChanges, (text, changes) => {
        const spoilt = [...Buffer.from(text)];
        for (const [where, byte, how] of changes) {
          const at = where % spoilt.length;
          spoilt.splice(at, how === 'more' ? 0 : 1, ...(how === 'less' ? [] : [byte]));
        }
        const again = Buffer.from(spoilt).toString().toWellFormed();
        expect({ again, read: readOf(again, outlined) }).toEqual({
          again,
          read: readOf(again, parsed),
        });
      }),
      { numRuns: 10_000 },
    );
  });

  test.each([
    ...[
      '',
      ' ',
      '{',
      '{"users":[',
      '{"users":[{',
      '{"users":[{"a"',
      '{"users":[{"a":1',
      '{"users":[{"a":1}',
    ],
    ...[
      '01',
      '1.',
      '.5',
      '-',
      '+1',
      '1e',
      '1e+',
      '0x1',
      'tru',
      'nulL',
      'NaN',
      '1 2',
      '"\\x"',
      '"\\u00g0"',
      '"',
      '"\\"',
    ].map((value) => `{"users":[{"a":${value}}]}`),
    ...[
      '{"users":[{"a":1,}]}',
      '{"users":[{,}]}',
      '{"users":[{"a" 1}]}',
      '{"users":[{a:1}]}',
      '{"users":[[1,]]}',
    ],
    ...[
      '{"users":[{"a":[1}]}]}',
      '{"users":[{"a":[1}}]}',
      '{"users":[{"a":{"b":1]}]}',
      '{"users":[{"a":[[1:]}]}',
      '{"users":[{"a":{"b":1,]}}]}',
      '{"users":[{"a":[1,}]}]}',
      '{"users":[{"a":[1x2]}]}',
      '{"users":[{"a":{"b":1:"c":2}}]}',
      '{"users":[{}]]',
      '{"users":[{} {}]}',
      '{"users":[{}]} x',
      '{"users":[{}],}',
      '{"users":[{"a":"\n"}]}',
    ],
  ])('is refused for %s', (text) => {
    expect(parsed(text)).toBe('no JSON');
    expect(outlined(text)).toBe('no JSON');
  });

  test('needs no stack for a hundred thousand brackets', () => {
    const deep = `${'[{"a":'.repeat(100_000)}1${'}]'.repeat(100_000)}`;
    expect(outlineOf(`{"users":[{"id":"x","deep":${deep}}]}`)).toEqual({ users: [{ id: 'x' }] });
    expect(outlined(`{"users":[{"id":"x","deep":${deep.slice(0, -1)}}]}`)).toBe('no JSON');
  });
});

test('what a deep body took is let go at the next', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const heldMb = () => {
    collect();
    return process.memoryUsage().arrayBuffers / 1e6;
  };
  const before = heldMb();
  expect(outlined(`{"a":${'['.repeat(10_000_000)}`)).toBe('no JSON');
  outlineOf('{"a":[1]}');
  // The collector gives it back on a thread of its own.
  await expect.poll(heldMb).toBeLessThan(before + 1);
});

describe('the texts of users', () => {
  test('are as many as the users, and parse to them, whatever stands around them', () => {
    const around = fc.array(fc.tuple(fc.oneof(anyString, fc.constant('pages')), anyValue), {
      maxLength: 3,
    });
    const users = fc.array(anyValue, { maxLength: 5 });
    fc.assert(
      fc.property(around, users, around, fc.integer(), (before, list, after, seed) => {
        const isOther = ([key]: readonly [string, Value]) => key !== 'users';
        const entries = [...before.filter(isOther), entry('users', list), ...after.filter(isOther)];
        const body = render({ kind: 'object', entries }, chooser(seed));
        const texts = textsOf(body);
        // Not by value, which loses digits: each is a text of the body, and parses alike.
        for (const text of texts) expect(body).toContain(text);
        for (const text of texts) expect(text).toBe(text.trim());
        expect(texts.map((text) => JSON.stringify(JSON.parse(text)))).toEqual(
          (JSON.parse(body) as { users: unknown[] }).users.map((user) => JSON.stringify(user)),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  test('are those of the last of several keys of that name, as whoever parses sees it', () => {
    expect(textsOf('{"users":[1,2],"users":[3]}')).toEqual(['3']);
    expect(textsOf('{"users":[1,2],"users":[]}')).toEqual([]);
    expect(textsOf('{"users":null,"users":["a"]}')).toEqual(['"a"']);
    expect(textsOf('{"users":{"users":[9]},"users":["a"]}')).toEqual(['"a"']);
    expect(textsOf(String.raw`{"\u0075sers":[1,2]}`)).toEqual(['1', '2']);
  });

  test('keep every digit and space of theirs', () => {
    const body = '{"users":[ {"n": 12345678901234567890 , "m":1.10} ,\n{"n":1e2}\n]}';
    expect(textsOf(body)).toEqual(['{"n": 12345678901234567890 , "m":1.10}', '{"n":1e2}']);
  });

  test('are found below a hundred thousand brackets, and in strings of megabytes', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(textsOf(`{"a":${deep},"users":[${deep},2],"b":${deep}}`)).toEqual([deep, '2']);
    const long = `"${String.raw`\"[{,\\`.repeat(1_000_000)}"`;
    expect(textsOf(`{"users":[${long},${long}],"x":${long}}`)).toEqual([long, long]);
    const spaces = ' '.repeat(5_000_000);
    expect(textsOf(`{"users"${spaces}:${spaces}[1${spaces},${spaces}2]}`)).toEqual(['1', '2']);
  });
});
