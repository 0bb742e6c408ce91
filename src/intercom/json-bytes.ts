/**
 * The grammar of JSON (RFC 8259) over bytes of UTF-8, as strict as `JSON.parse`. Each function is told
 * where something begins and returns where it ends, or throws `SyntaxError` where it is something else.
 * Nothing is made of what is passed over, and no depth of nesting needs any stack.
 */

const codeOf = (char: string) => char.charCodeAt(0);
export const OBJECT = codeOf('{');
export const ARRAY = codeOf('[');
export const BACKSLASH = codeOf('\\');
export const OBJECT_END = codeOf('}');
export const ARRAY_END = codeOf(']');
export const COMMA = codeOf(',');
const COLON = codeOf(':');
const QUOTE = codeOf('"');
const SPACE = codeOf(' ');
const MINUS = codeOf('-');
const ZERO = codeOf('0');
const SPACES = tableOf(' \t\n\r');
const DIGITS = tableOf('0123456789');
const HEX_DIGITS = tableOf('0123456789abcdefABCDEF');
const EXPONENTS = tableOf('eE');
const SIGNS = tableOf('+-');
const ESCAPES = tableOf('"\\/bfnrt');
/** So much room is kept for what is opened; what a deep body took is let go at the next value. */
const SHALLOW = 64;
const DEEP = 4096;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

export function skipValue(json: Uint8Array, from: number): number {
  const isNested = json[from] === OBJECT || json[from] === ARRAY;
  return isNested ? skipNested(json, from) : skipScalar(json, from);
}

function skipNested(json: Uint8Array, from: number): number {
  let at = from;
  depth = 0;
  if (closers.length > DEEP) closers = new Uint8Array(SHALLOW);
  do {
    at = skipStart(json, at);
    at = skipEnds(json, at);
  } while (depth > 0);
  return at;
}

/** All that opens, and the scalar in it if there is one. */
function skipStart(json: Uint8Array, from: number): number {
  let at = from;
  for (let opener = json[at]; opener === OBJECT || opener === ARRAY; opener = json[at]) {
    const closer = closerOf(opener);
    pushCloser(closer);
    at = skipSpace(json, at + 1);
    if (json[at] === closer) return at;
    if (opener === OBJECT) at = skipKey(json, at);
  }
  return skipScalar(json, at);
}

/** All that closes, and what comes before the next value if there is one. */
function skipEnds(json: Uint8Array, from: number): number {
  let at = from;
  for (; depth > 0; depth -= 1) {
    const closer = closers[depth - 1];
    at = skipSpace(json, at);
    if (json[at] !== closer) {
      at = skipSpace(json, skipByte(json, at, COMMA));
      return closer === OBJECT_END ? skipKey(json, at) : at;
    }
    at += 1;
  }
  return at;
}

/** What has been opened and is to be closed: one stack for all, as a page has some hundreds of them. */
let closers = new Uint8Array(SHALLOW);
let depth = 0;

function pushCloser(closer: number): void {
  if (depth === closers.length) {
    const larger = new Uint8Array(2 * depth);
    larger.set(closers);
    closers = larger;
  }
  closers[depth] = closer;
  depth += 1;
}

/** The array or object at `from`; `skipItem` is told where each element or member begins. */
export function skipItems(
  json: Uint8Array,
  from: number,
  skipItem: (at: number) => number,
): number {
  const closer = closerOf(json[from]);
  let at = skipSpace(json, from + 1);
  if (json[at] === closer) return at + 1;
  for (;;) {
    at = skipSpace(json, skipItem(at));
    if (json[at] === closer) return at + 1;
    at = skipSpace(json, skipByte(json, at, COMMA));
  }
}

/** A member's key, the colon and the space behind it. */
export function skipKey(json: Uint8Array, from: number): number {
  const at = skipSpace(json, skipString(json, from));
  return skipSpace(json, skipByte(json, at, COLON));
}

export function skipSpace(json: Uint8Array, from: number): number {
  let at = from;
  while (isOf(SPACES, json[at])) at += 1;
  return at;
}

function skipScalar(json: Uint8Array, from: number): number {
  if (json[from] === QUOTE) return skipString(json, from);
  if (json[from] === codeOf('t')) return skipWord(json, from, TRUE);
  if (json[from] === codeOf('f')) return skipWord(json, from, FALSE);
  if (json[from] === codeOf('n')) return skipWord(json, from, NULL);
  return skipNumber(json, from);
}

function skipWord(json: Uint8Array, from: number, word: Uint8Array): number {
  let at = from;
  for (let nth = 0; nth < word.length; nth += 1) at = skipByte(json, at, word[nth]);
  return at;
}

export function skipString(json: Uint8Array, from: number): number {
  let at = skipByte(json, from, QUOTE);
  for (let byte = json[at]; byte !== QUOTE; byte = json[at]) {
    // Control characters are forbidden; behind the last byte there is none at all.
    if (byte === undefined || byte < SPACE) throw new SyntaxError('no JSON');
    at = byte === BACKSLASH ? skipEscape(json, at + 1) : at + 1;
  }
  return at + 1;
}

function skipEscape(json: Uint8Array, from: number): number {
  if (isOf(ESCAPES, json[from])) return from + 1;
  let at = skipByte(json, from, codeOf('u'));
  for (const end = at + 4; at < end; at += 1) {
    if (!isOf(HEX_DIGITS, json[at])) throw new SyntaxError('no JSON');
  }
  return at;
}

function skipNumber(json: Uint8Array, from: number): number {
  let at = json[from] === MINUS ? from + 1 : from;
  at = json[at] === ZERO ? at + 1 : skipDigits(json, at);
  if (json[at] === codeOf('.')) at = skipDigits(json, at + 1);
  if (!isOf(EXPONENTS, json[at])) return at;
  at += 1;
  return skipDigits(json, isOf(SIGNS, json[at]) ? at + 1 : at);
}

function skipDigits(json: Uint8Array, from: number): number {
  let at = from;
  while (isOf(DIGITS, json[at])) at += 1;
  if (at === from) throw new SyntaxError('no JSON');
  return at;
}

function skipByte(json: Uint8Array, at: number, byte: number | undefined): number {
  if (json[at] !== byte) throw new SyntaxError('no JSON');
  return at + 1;
}

function closerOf(opener: number | undefined): number {
  return opener === OBJECT ? OBJECT_END : ARRAY_END;
}

/** By table and not by set: this is asked of every other byte. */
function tableOf(chars: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(chars)) table[byte] = 1;
  return table;
}

function isOf(table: Uint8Array, byte: number | undefined): boolean {
  return byte !== undefined && table[byte] === 1;
}
