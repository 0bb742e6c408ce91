import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Opened, openTestStore } from './opened.ts';
import { CONTACT, readUsers, seconds, USER } from './recorded.ts';

let opened: Opened;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(() => opened.close());

const read = (texts: readonly string[]) => readUsers(opened, texts);

const TEXTS = [
  'email',
  'phone',
  'name',
  'pseudonym',
  'referrer',
  'utm_campaign',
  'utm_content',
  'utm_medium',
  'utm_source',
  'utm_term',
  'last_seen_ip',
];
const BOOLEANS = [
  'unsubscribed_from_emails',
  'marked_email_as_spam',
  'has_hard_bounced',
  'do_not_track',
];
const INSTANTS = ['created_at', 'signed_up_at', 'updated_at', 'last_request_at'];

const asText = (value: unknown) => (typeof value === 'string' ? value : null);
const asBoolean = (value: unknown) => (typeof value === 'boolean' ? value : null);
const asInstant = (value: unknown) =>
  typeof value === 'number' && Math.abs(value) <= 9_999_999_999 ? seconds(Math.floor(value)) : null;
const asInteger = (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && value === (value | 0) ? value : null;
const asDegrees = (value: unknown) =>
  ['number', 'string'].includes(typeof value) && /^-?\d{1,3}(\.\d+)?$/.test(String(value))
    ? Number(value)
    : null;

/** Path in the JSON, column, and what a second reading of the specification makes of the value. */
const READINGS: [path: string[], column: string, reading: (value: unknown) => unknown][] = [
  ...TEXTS.map((name) => [[name], name, asText] as (typeof READINGS)[number]),
  ...BOOLEANS.map((name) => [[name], name, asBoolean] as (typeof READINGS)[number]),
  ...INSTANTS.map((name) => [[name], name, asInstant] as (typeof READINGS)[number]),
  [['last_seen_at'], 'last_request_at', asInstant],
  [['session_count'], 'session_count', asInteger],
  [['app_id'], 'app_id', asText],
  [['workspace_id'], 'app_id', asText],
  [['user_agent_data'], 'user_agent', asText],
  [['role'], 'role', asText],
  [['anonymous'], 'anonymous', asBoolean],
  [['avatar', 'image_url'], 'avatar_url', asText],
  [['location_data', 'city_name'], 'location_city', asText],
  [['location', 'city'], 'location_city', asText],
  [['location', 'region'], 'location_region', asText],
  [['location_data', 'timezone'], 'location_timezone', asText],
  [['location_data', 'latitude'], 'location_latitude', asDegrees],
  [['location_data', 'longitude'], 'location_longitude', asDegrees],
  [['location', 'latitude'], 'location_latitude', asDegrees],
];

const ODD_VALUES = [
  'null',
  'true',
  'false',
  '0',

  '-1',
  '1.5',
  '2.0',
  '1e3',
  '179.99999999',
  '-180',
  '2147483647',
  '2147483648',
  '-2147483648',
  '-2147483649',
  '1539897600',
  '-86400',
  '1539897600000',
  '-1539897600000',
  '9999999999',
  '10000000000',
  '1e15',
  '1e400',
  '-1e400',
  '""',
  '" "',
  '"text"',
  '"12.5"',
  '"-0.5"',
  '"1539897600"',
  '"NaN"',
  '"Infinity"',
  '"-infinity"',
  '"1e5"',
  '"9999.5"',
  '"0x1F"',
  '"2018-10-19T00:00:00Z"',
  '"true"',
  '"it\'s \\"quoted\\" \\\\ and 💩"',
  '[]',
  '[1539897600]',
  '["a"]',
  '[[]]',
  '{}',
  '{"a":1}',
  '{"image_url":{"image_url":[]}}',
];

const under = (path: readonly string[], text: string) =>
  path.reduceRight((inner, key) => `{${JSON.stringify(key)}:${inner}}`, text);

describe('a value of any type', () => {
  test.each(READINGS)('at %j is read or null', async (path, column, reading) => {
    const rows = await read(ODD_VALUES.map((text) => under(path, text)));
    const found = rows.map((row) => row[column]);
    expect(found).toEqual(ODD_VALUES.map((text) => reading(JSON.parse(text)) ?? null));
  });

  test('too small for double precision refuses no user', async () => {
    const tiny = [
      '1e-400',
      '-1e-400',
      `0.${'0'.repeat(400)}1`,
      `"0.${'0'.repeat(400)}1"`,
      `1e131000`,
    ];
    const paths = READINGS.map(([path]) => path);
    const rows = await read(paths.flatMap((path) => tiny.map((text) => under(path, text))));
    expect(rows).toHaveLength(paths.length * tiny.length);
  });

  test('that is an identifier is text, and the two shapes are one column', async () => {
    const rows = await read([
      '{"user_id":7,"external_id":"e"}',
      '{"user_id":null,"external_id":"e"}',
      '{"user_id":{"a":1}}',
      '{"owner_id":"12"}',
      '{"owner_id":12345678901234567890}',
      '{"owner_id":[12]}',
      '{"anonymous":true,"role":"user"}',
      '{"anonymous":"yes","role":"lead"}',
      '{"role":"admin"}',
      '{"custom_attributes":[1]}',
      '{"custom_attributes":"x"}',
      '{"custom_attributes":{"a":1e400}}',
      '[1,2]',
      '"just text"',
      '17',
    ]);
    const pick = (column: string, from: number, to: number) =>
      rows.slice(from, to).map((row) => row[column]);
    expect(pick('user_id', 0, 3)).toEqual(['7', 'e', null]);
    expect(pick('owner_id', 3, 6)).toEqual(['12', '12345678901234567890', null]);
    expect(pick('role', 6, 9)).toEqual(['user', 'lead', 'admin']);
    expect(pick('anonymous', 6, 9)).toEqual([true, true, null]);
    expect(pick('custom_attributes', 9, 11)).toEqual([null, null]);
    expect(rows).toHaveLength(15);
  });

  test('anywhere in a user raises nothing, in no column and no view', async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const keys = [...new Set([...Object.keys(USER), ...Object.keys(CONTACT)])];
    const user = fc.record(
      Object.fromEntries(keys.map((key) => [key, fc.oneof(value, nested(value))])),
      {
        requiredKeys: [],
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(user, value), { minLength: 10, maxLength: 20 }),
        async (users) => {
          const texts = users.map((one) => JSON.stringify(one).replaceAll('\\u0000', ' '));
          expect(await read(texts)).toHaveLength(texts.length);
        },
      ),
      { numRuns: 12 },
    );
  });
});

/** Values one and two levels down, under the keys that some expression looks for. */
function nested(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const keys = [
    'image_url',
    'city_name',
    'city',
    'latitude',
    'longitude',
    'tags',
    'companies',
    'segments',
    'social_profiles',
    'data',
  ];
  const list = fc.array(
    fc.oneof(
      value,
      fc.record({ id: value, name: value, company_id: value, url: value }, { requiredKeys: [] }),
    ),
  );
  return fc.record(Object.fromEntries(keys.map((key) => [key, fc.oneof(value, list)])), {
    requiredKeys: [],
  });
}

test('raw can be there before the columns that read it', async () => {
  await read([
    ...ODD_VALUES,
    ...READINGS.flatMap(([path]) => ODD_VALUES.map((text) => under(path, text))),
  ]);
  const columns = await opened.rows<{ name: string; type: string; expression: string }>(`
    select attname as name, format_type(atttypid, atttypmod) as type, pg_get_expr(adbin, adrelid) as expression
    from pg_attribute join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attrelid = 'intercom.users'::regclass and attgenerated = 's' order by attnum`);
  expect(columns).toHaveLength(37);
  for (const { name, type, expression } of columns) {
    await opened.rows(`alter table intercom.users drop column ${name},
      add column ${name} ${type} generated always as (${expression}) stored`);
  }
});
