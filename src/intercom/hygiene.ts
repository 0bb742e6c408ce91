import { isUtf8 } from 'node:buffer';
import { JSON_BYTES } from './json-bytes.ts';

export interface CleanJson {
  /** In UTF-8: the very bytes that came, unless something had to change. */
  readonly bytes: Buffer;
  /** Escapes and NULs that became U+FFFD. */
  readonly replaced: number;
}

/** Makes of a body JSON that Postgres can hold. */
export function cleanJson(body: Buffer): CleanJson {
  const isUtf8Alone = isUtf8(body) && !startsWithMark(body);
  // Nearly always, and to decode a body costs as much as to read it.
  if (isUtf8Alone && !mayBeRefused(body)) return { bytes: body, replaced: 0 };
  const { text, replaced } = cleanJsonText(UTF_8.decode(body));
  return { bytes: isUtf8Alone && replaced === 0 ? body : Buffer.from(text), replaced };
}

/** Whether there is a NUL, or an escape of one or of any part of a surrogate pair. */
function mayBeRefused(body: Buffer): boolean {
  for (let at = body.indexOf('\\u'); at >= 0; at = body.indexOf('\\u', at + 2)) {
    const isRefused = /^(0000|d[89a-f])/i.test(body.toString('latin1', at + 2, at + 6));
    if (isRefused && startsEscape(body, at)) return true;
  }
  return body.includes(0);
}

/** A backslash does so if an even number of them stands before it. */
function startsEscape(body: Buffer, at: number): boolean {
  let before = 0;
  while (body[at - 1 - before] === JSON_BYTES.BACKSLASH) before += 1;
  return before % 2 === 0;
}

const UTF_8 = new TextDecoder();

/** The byte order mark, which decoding drops and JSON forbids. */
function startsWithMark(body: Uint8Array): boolean {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
}

/**
 * JSON may hold characters that Postgres cannot: U+0000, and halves of surrogate pairs. Each becomes
 * U+FFFD, in values and in keys. The text is edited and not parsed and rebuilt, so that numbers keep
 * every digit; there can be no raw half of a pair in it, since it was decoded from UTF-8.
 */
export function cleanJsonText(text: string): { text: string; replaced: number } {
  let replaced = 0;
  const replace = (replacement: string) => () => {
    replaced += 1;
    return replacement;
  };
  // Most pages have no escape at all, and looking for one costs a hundredth of the expression.
  let clean = text.includes('\\u') ? text.replace(REFUSED_ESCAPE, replace('\\ufffd')) : text;
  if (clean.includes('\0')) clean = clean.replaceAll('\0', replace('\ufffd'));
  return { text: clean, replaced };
}

/** A backslash that starts an escape, as above. */
const ESCAPE = String.raw`(?<=(?<!\\)(?:\\\\)*)\\u`;
const HIGH = '[dD][89abAB][0-9a-fA-F]{2}';
const LOW = '[dD][c-fC-F][0-9a-fA-F]{2}';
const REFUSED_ESCAPE = new RegExp(
  `${ESCAPE}(?:0000|${HIGH}(?!\\\\u${LOW})|(?<!${ESCAPE}${HIGH}\\\\u)${LOW})`,
  'g',
);
