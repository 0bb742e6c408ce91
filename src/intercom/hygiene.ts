import { isUtf8 } from 'node:buffer';

export interface CleanJson {
  readonly text: string;
  /** The text in UTF-8: the very bytes that came, unless something had to change. */
  readonly bytes: Uint8Array;
  /** Escapes and NULs that became U+FFFD. */
  readonly replaced: number;
}

/** Decodes a body, and makes JSON of it that Postgres can hold. */
export function cleanJson(body: Uint8Array): CleanJson {
  const { text, replaced } = cleanJsonText(UTF_8.decode(body));
  const isAsItCame = replaced === 0 && isUtf8(body) && !startsWithMark(body);
  return { text, bytes: isAsItCame ? body : Buffer.from(text), replaced };
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

/** A backslash that starts an escape: an even number of backslashes stands before it. */
const ESCAPE = String.raw`(?<=(?<!\\)(?:\\\\)*)\\u`;
const HIGH = '[dD][89abAB][0-9a-fA-F]{2}';
const LOW = '[dD][c-fC-F][0-9a-fA-F]{2}';
const REFUSED_ESCAPE = new RegExp(
  `${ESCAPE}(?:0000|${HIGH}(?!\\\\u${LOW})|(?<!${ESCAPE}${HIGH}\\\\u)${LOW})`,
  'g',
);
