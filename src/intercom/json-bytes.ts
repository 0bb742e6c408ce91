/**
 * The grammar of JSON (RFC 8259) over bytes of UTF-8, as strict as `JSON.parse`. Each function is told
 * where something begins and returns where it ends, or throws `SyntaxError` where it is something else.
 * Nothing is made of what is passed over, and no depth of nesting needs any stack.
 */

const codeOf = (char: string) => char.charCodeAt(0);
const OBJECT = codeOf('{');
const OBJECT_END = codeOf('}');
const ARRAY = codeOf('[');
const ARRAY_END = codeOf(']');
const COMMA = codeOf(',');
const COLON = codeOf(':');
const QUOTE = codeOf('"');
const BACKSLASH = codeOf('\\');
const SPACE = codeOf(' ');
const LINE_FEED = codeOf('\n');
const RETURN = codeOf('\r');
const TAB = codeOf('\t');
const PLUS = codeOf('+');
const MINUS = codeOf('-');
const POINT = codeOf('.');
const ZERO = codeOf('0');
const NINE = codeOf('9');
const LARGE_E = codeOf('E');
const SMALL_E = codeOf('e');
const LETTER_F = codeOf('f');
const LETTER_N = codeOf('n');
const LETTER_T = codeOf('t');
const LETTER_U = codeOf('u');
/** For others. A constant that is exported by itself V8 loads anew for every byte that is held against it. */
export const JSON_BYTES = { OBJECT, OBJECT_END, ARRAY, ARRAY_END, COMMA, BACKSLASH } as const;
const HEX_DIGITS = tableOf('0123456789abcdefABCDEF');
const ESCAPES = tableOf('"\\/bfnrt');
/** So much room is kept for what is opened; what a deep body took is let go at the next value. */
const SHALLOW = 64;
const DEEP = 4096;
/** As far behind each of the two that open as the byte that closes it. */
const TO_CLOSER = OBJECT_END - OBJECT;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** One loop for all that is nested: what is spread over several functions V8 compiles several times. */
export function skipValue(json: Uint8Array, from: number): number {
  let at = from;
  let depth = 0;
  if (closers.length > DEEP) closers = new Uint8Array(SHALLOW);
  for (;;) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = skipString(json, at);
    } else if (byte === OBJECT || byte === ARRAY) {
      const closer = byte + TO_CLOSER;
      at = skipSpace(json, at + 1);
      if (json[at] !== closer) {
        if (depth === closers.length) closers = doubled(closers);
        closers[depth] = closer;
        depth += 1;
        if (closer === OBJECT_END) at = skipKey(json, at);
        continue;
      }
      at += 1;
    } else {
      at = skipWordOrNumber(json, at);
    }
    // Behind a value: all that closes, and what comes before the next one.
    for (; depth > 0; depth -= 1) {
      const closer = closers[depth - 1] as number;
      at = skipSpace(json, at);
      if (json[at] === COMMA) {
        // No closer may come now: it is no value, and no key.
        at = skipSpace(json, at + 1);
        if (closer === OBJECT_END) at = skipKey(json, at);
        break;
      }
      at = skipByte(json, at, closer);
    }
    if (depth === 0) return at;
  }
}

/** What has been opened and is to be closed: one stack for all, as a page has some hundreds of them. */
let closers = new Uint8Array(SHALLOW);

function doubled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}

/** Behind an element or a member: where the next one begins, or the `closer` of all is. */
export function nextItem(json: Uint8Array, from: number, closer: number): number {
  const at = skipSpace(json, from);
  if (json[at] === closer) return at;
  const next = skipSpace(json, skipByte(json, at, COMMA));
  if (json[next] === closer) throw new SyntaxError('no JSON');
  return next;
}

/** A member's key, the colon and the space behind it. */
export function skipKey(json: Uint8Array, from: number): number {
  const at = skipSpace(json, skipString(json, from));
  return skipSpace(json, skipByte(json, at, COLON));
}

export function skipSpace(json: Uint8Array, from: number): number {
  // Nearly always: what is sent over a network has no space between its parts.
  if ((json[from] as number) > SPACE) return from;
  let at = from;
  while (isSpace(json[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;
}

function skipWordOrNumber(json: Uint8Array, from: number): number {
  switch (json[from]) {
    case LETTER_T:
      return skipWord(json, from, TRUE);
    case LETTER_F:
      return skipWord(json, from, FALSE);
    case LETTER_N:
      return skipWord(json, from, NULL);
    default:
      return skipNumber(json, from);
  }
}

function skipWord(json: Uint8Array, from: number, word: Uint8Array): number {
  let at = from;
  for (let nth = 0; nth < word.length; nth += 1) at = skipByte(json, at, word[nth]);
  return at;
}

export function skipString(json: Uint8Array, from: number): number {
  const at = skipPlain(json, skipByte(json, from, QUOTE));
  return json[at] === QUOTE ? at + 1 : skipEscapedString(json, at);
}

/** A loop that calls nothing: with a call in it, though it be never made, V8 takes far longer over each byte. */
function skipPlain(json: Uint8Array, from: number): number {
  for (let at = from; ; at += 1) {
    // Behind the last byte there is none, and nothing can be said of it.
    const byte = json[at] as number;
    // All small letters: for most bytes this is all that is asked.
    if (byte > BACKSLASH) continue;
    if (byte === QUOTE || byte === BACKSLASH || !(byte >= SPACE)) return at;
  }
}

/** From its first escape on. */
function skipEscapedString(json: Uint8Array, from: number): number {
  let at = from;
  while (json[at] === BACKSLASH) at = skipPlain(json, skipEscape(json, at + 1));
  return skipByte(json, at, QUOTE);
}

function skipEscape(json: Uint8Array, from: number): number {
  if (isOf(ESCAPES, json[from])) return from + 1;
  let at = skipByte(json, from, LETTER_U);
  for (const end = at + 4; at < end; at += 1) {
    if (!isOf(HEX_DIGITS, json[at])) throw new SyntaxError('no JSON');
  }
  return at;
}

function skipNumber(json: Uint8Array, from: number): number {
  let at = json[from] === MINUS ? from + 1 : from;
  at = json[at] === ZERO ? at + 1 : skipDigits(json, at);
  if (json[at] === POINT) at = skipDigits(json, at + 1);
  if (json[at] !== SMALL_E && json[at] !== LARGE_E) return at;
  at += 1;
  return skipDigits(json, json[at] === PLUS || json[at] === MINUS ? at + 1 : at);
}

function skipDigits(json: Uint8Array, from: number): number {
  let at = from;
  for (let byte = json[at] as number; byte >= ZERO && byte <= NINE; byte = json[at] as number)
    at += 1;
  if (at === from) throw new SyntaxError('no JSON');
  return at;
}

function skipByte(json: Uint8Array, at: number, byte: number | undefined): number {
  if (json[at] !== byte) throw new SyntaxError('no JSON');
  return at + 1;
}

/** Which bytes are among these. */
export function tableOf(chars: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(chars)) table[byte] = 1;
  return table;
}

export function isOf(table: Uint8Array, byte: number | undefined): boolean {
  return byte !== undefined && table[byte] === 1;
}
