import fc from 'fast-check';

/** A JSON value whose numbers are text, so that every digit can be told apart. */
export type Value = string | NumberText | boolean | null | readonly Value[] | ObjectValue;
export interface NumberText {
  readonly kind: 'number';
  readonly text: string;
}
export interface ObjectValue {
  readonly kind: 'object';
  /** A key may come twice, as it may in JSON. */
  readonly entries: readonly (readonly [string, Value])[];
}

/** Strings of any UTF-16 units, with much of what is special to JSON and to this program. */
export const anyString: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(...'\0"\\/u0d[]{},:\n \u2028\ufeff', '\ud800', '\udbff', '\udc00', '\udfff'),
      fc.constantFrom('\\u0000', '\\\\u0000', '\\ud83d', '\ud83d\ude00', 'é', '€', 'users'),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

const anyNumber: fc.Arbitrary<NumberText> = fc
  .oneof(
    fc.constantFrom(
      '0',
      '-0',
      '1.10',
      '1e400',
      '0.1e-7',
      '12345678901234567890',
      '9007199254740993',
    ),
    fc.integer().map(String),
  )
  .map((text) => ({ kind: 'number', text }));

export const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value; leaf: Value }>((tie) => ({
  leaf: fc.oneof(anyString, anyNumber, fc.boolean(), fc.constant(null)),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(anyString, fc.constant('users')), tie('value')), { maxLength: 4 })
      .map((entries): Value => ({ kind: 'object', entries })),
  ),
})).value;

/** The same choices for the same seed. */
export function chooser(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
}

/** One of the many texts of a value: any white space, and escapes where and as they may be. */
export function render(value: Value, choose: (below: number) => number): string {
  const space = () => ['', '', '', ' ', '\n\t', '\r  ', ' '.repeat(70)][choose(7)] ?? '';
  const list = (texts: string[]) => texts.map((text) => space() + text + space()).join(',');
  if (typeof value === 'string') return renderString(value, choose);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (isNumber(value)) return value.text;
  if (isObject(value)) {
    const entries = value.entries.map(
      ([key, child]) => `${renderString(key, choose)}${space()}:${space()}${render(child, choose)}`,
    );
    return `{${list(entries)}}`;
  }
  return `[${list(value.map((child) => render(child, choose)))}]`;
}

const isNumber = (value: Value): value is NumberText =>
  value !== null && typeof value === 'object' && 'kind' in value && value.kind === 'number';
const isObject = (value: Value): value is ObjectValue =>
  value !== null && typeof value === 'object' && 'kind' in value && value.kind === 'object';

function renderString(text: string, choose: (below: number) => number): string {
  // By code points: raw text comes from UTF-8, in which there are whole pairs alone.
  const parts = [...text].map((point) => {
    const mustEscape = /["\\]|\p{Cc}|\p{Cs}/u.test(point);
    const isShort = mustEscape && /["\\\n]/.test(point) && choose(2) === 0;
    if (isShort) return JSON.stringify(point).slice(1, -1);
    if (!mustEscape && choose(3) > 0) return point;
    return point
      .split('')
      .map((unit) => escapeUnit(unit, choose))
      .join('');
  });
  return `"${parts.join('')}"`;
}

function escapeUnit(unit: string, choose: (below: number) => number): string {
  const digits = unit.charCodeAt(0).toString(16).padStart(4, '0');
  return `\\u${[...digits].map((d) => (choose(2) === 0 ? d : d.toUpperCase())).join('')}`;
}
