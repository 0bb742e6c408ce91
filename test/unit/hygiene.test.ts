import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanJson, cleanJsonText } from '../../src/intercom/hygiene.ts';

/** The same text as JSON, with every unit that is no plain letter written as an escape. */
function escapeAll(text: string): string {
  return [...Array(text.length).keys()]
    .map((at) => {
      const unit = text.charCodeAt(at);
      const hex = unit.toString(16).padStart(4, '0');
      return unit >= 97 && unit <= 122 ? text[at] : `\\u${at % 2 ? hex : hex.toUpperCase()}`;
    })
    .join('');
}

const clean = (text: string) => text.toWellFormed().replaceAll('\0', '\ufffd');
const units = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((u) => String.fromCharCode(u)),
});
const nasty = fc.string({
  unit: fc.constantFrom('\0', '\ud83d', '\ude00', '\\', 'u', 'd', '8', '0', '"', 'a'),
});
const piece = fc.constantFrom(
  '\0',
  '\\',
  'a',
  ...['0000', '0041', 'd83d', 'DE00', 'dfff'].map((hex) => `\\u${hex}`),
);

describe('hygiene', () => {
  test('turns U+0000 and lone surrogates into U+FFFD, in keys and in values, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(units, nasty), fc.oneof(units, nasty), (key, value) => {
        const text = `{"${escapeAll(key)}":["${escapeAll(value)}"]}`;
        expect(JSON.parse(cleanJsonText(text).text)).toEqual({ [clean(key)]: [clean(value)] });
      }),
      { numRuns: 2000 },
    );
  });

  test('leaves an escaped backslash before u0000 alone', () => {
    const text = String.raw`{"a":"\\u0000","b":"\\\\ud83d","c":"\\\u0000"}`;
    const cleaned = cleanJsonText(text);
    expect(JSON.parse(cleaned.text)).toEqual({ a: '\\u0000', b: '\\\\ud83d', c: '\\\ufffd' });
    expect(cleaned.replaced).toBe(1);
  });

  test('leaves every digit of a number as it is', () => {
    const text = String.raw`{"n":123456789012345678901234567890.10,"e":1e400,"s":"\u0000"}`;
    expect(cleanJsonText(text).text).toBe(
      String.raw`{"n":123456789012345678901234567890.10,"e":1e400,"s":"\ufffd"}`,
    );
  });
});

describe('a body', () => {
  test('that Postgres can hold goes on as the very bytes that came', () => {
    const text = String.raw`{"name":"Zoë 🦊","a":"\u00e9","b":"\\u0000","c":"\ud83d\ude00"}`;
    const body = Buffer.from(text);
    const cleaned = cleanJson(body);
    expect(cleaned.bytes).toBe(body);
    expect(cleaned.replaced).toBe(0);
  });

  test('is cleaned wherever its text would be', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 4 }), (parts) => {
        const body = Buffer.from(parts.join('').toWellFormed());
        const { text, replaced } = cleanJsonText(body.toString());
        const cleaned = cleanJson(body);
        expect(cleaned.bytes.toString()).toBe(text);
        expect(cleaned.replaced).toBe(replaced);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['a refused escape', Buffer.from('{"a":"\\u0000"}'), String.raw`{"a":"\ufffd"}`],
    ['a byte order mark', Buffer.from('\ufeff{"a":1}'), '{"a":1}'],
    // Three bytes for one U+FFFD, which is three bytes too: the length tells nothing.
    ['a character cut short', Buffer.from('7b2261223a22f09fa6227d', 'hex'), '{"a":"\ufffd"}'],
    ['a byte that is none of UTF-8', Buffer.from('7b2261223a22ff227d', 'hex'), '{"a":"\ufffd"}'],
  ])('with %s is written anew', (_, body, text) => {
    expect(cleanJson(body).bytes).toEqual(Buffer.from(text));
  });
});
