/** Things that a table of users must not hold, and sometimes does. They are asked for by name. */
export const oddities = [
  'missing-id',
  'null-id',
  'empty-id',
  'number-id',
  'long-id',
  'duplicate-id',
  'nul',
  'lone-surrogate',
  'big-number',
  'thirty-digits',
  'millisecond-times',
  'negative-times',
  'object-for-text',
] as const;

export type Oddity = (typeof oddities)[number];

/** One user in ten is odd, each kind in its turn, so that even a small table shows them all. */
export function oddityAt(kinds: readonly Oddity[], slot: number): Oddity | undefined {
  if (slot % 10 !== 3) return undefined;
  return kinds[Math.floor(slot / 10) % Math.max(kinds.length, 1)];
}

export function makeOdd(
  person: Record<string, unknown>,
  kinds: readonly Oddity[],
  slot: number,
): void {
  const kind = oddityAt(kinds, slot);
  if (kind !== undefined) changes[kind](person, slot);
}

const SHARED_ID = 'dddddddddddddddddddddddd';

const changes: Record<Oddity, (person: Record<string, unknown>, slot: number) => void> = {
  'missing-id': (person) => {
    delete person.id;
  },
  'null-id': (person) => {
    person.id = null;
  },
  'empty-id': (person) => {
    person.id = '';
  },
  'number-id': (person, slot) => {
    person.id = 100_000 + slot;
  },
  'long-id': (person) => {
    person.id = `${person.id}${'0'.repeat(255)}`.slice(0, 255);
    person.user_id = '長'.repeat(255);
  },
  'duplicate-id': (person) => {
    person.id = SHARED_ID;
  },
  nul: (person) => {
    person.name = 'before\u0000after';
    person.custom_attributes = { 'key\u0000': '\u0000', written_out: '\\u0000' };
  },
  'lone-surrogate': (person) => {
    person.name = 'half an emoji \ud83d';
    person.custom_attributes = {
      low: '\ude00 first',
      swapped: '\ude00\ud83d',
      whole: '\ud83d\ude00',
    };
  },
  'big-number': (person) => {
    person.custom_attributes = {
      past_2_to_53: exactNumber('9007199254740993'),
      past_2_to_63: exactNumber('-9223372036854775809'),
      huge: exactNumber('1e308'),
    };
  },
  'thirty-digits': (person) => {
    person.custom_attributes = {
      digits: exactNumber('123456789012345678901234567890'),
      fraction: exactNumber('0.100000000000000000000000000001'),
    };
  },
  'millisecond-times': (person) => {
    for (const key of timeKeys) {
      if (typeof person[key] === 'number') person[key] = person[key] * 1000;
    }
  },
  'negative-times': (person) => {
    for (const key of timeKeys) person[key] = -62_135_596_800;
  },
  'object-for-text': (person) => {
    person.name = { first: 'an object', last: 'where text belongs' };
    person.phone = 15_550_100;
    person.session_count = 'many';
  },
};

/** Not `created_at` and `updated_at`: the table is sorted by those. */
const timeKeys = ['last_request_at', 'signed_up_at', 'remote_created_at'] as const;

/** A number that JSON carries digit by digit, although no JavaScript number can. */
export function exactNumber(digits: string): unknown {
  // The library of types does not know rawJSON yet; every Node that runs this has it.
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}
