import {
  isOf,
  JSON_BYTES,
  nextItem,
  skipKey,
  skipSpace,
  skipString,
  skipValue,
  tableOf,
} from './json-bytes.ts';

// A page of users as bytes. This program has to know a fiftieth of it, the rest is for Postgres as it came.
// To parse all of it would cost more than anything else that is done here, for objects that nobody looks
// at. So every byte is checked to be JSON, and only what is needed is made of it.

const { OBJECT, OBJECT_END, ARRAY, ARRAY_END, COMMA, BACKSLASH } = JSON_BYTES;
/** Room for a page of 100 users. */
const OUTLINE_BYTES = 16 * 1024;
/** Up to here a loop is faster than a call. */
const SHORT_BYTES = 64;
const USERS = Buffer.from('"users"');
const USER_KEYS = ['"id"', '"app_id"', '"updated_at"'].map((key) => Buffer.from(key));
/** What is behind the quote of such a key. Most others are told by this alone. */
const USER_KEY_STARTS = tableOf('iau\\');

/**
 * What `JSON.parse` makes of a body, but that the objects in its array `users` have no more than their
 * `id`, `app_id` and `updated_at`. Takes UTF-8; throws `SyntaxError` where it is no JSON.
 */
export function parseOutline(json: Buffer): unknown {
  return JSON.parse(outlineOf(json));
}

// No closures below: V8 drops the code of one at each full collection that finds none of its kind alive.

/** What is kept is judged when it is parsed, so that only what is left out must be judged here. */
function outlineOf(json: Buffer): string {
  const from = skipSpace(json, 0);
  if (json[from] !== OBJECT) return json.toString();
  const outline = new Outline(json);
  let keptTo = 0;
  let keyAt = skipSpace(json, from + 1);
  while (json[keyAt] !== OBJECT_END) {
    const valueAt = skipKey(json, keyAt);
    let end: number;
    if (bytesAlike(json, keyAt, USERS) === USERS.length && json[valueAt] === ARRAY) {
      outline.keep(keptTo, valueAt);
      end = outlineUsers(json, valueAt, outline);
      keptTo = end;
    } else {
      end = skipValue(json, valueAt);
    }
    keyAt = nextItem(json, end, OBJECT_END);
  }
  outline.keep(keptTo, json.length);
  return outline.text();
}

function outlineUsers(json: Buffer, from: number, outline: Outline): number {
  outline.put(ARRAY);
  let at = skipSpace(json, from + 1);
  while (json[at] !== ARRAY_END) {
    at = nextItem(json, outlineUser(json, at, outline), ARRAY_END);
  }
  outline.close(ARRAY_END);
  return at + 1;
}

function outlineUser(json: Buffer, from: number, outline: Outline): number {
  if (json[from] !== OBJECT) return outline.keepItem(from, skipValue(json, from));
  outline.put(OBJECT);
  let keyAt = skipSpace(json, from + 1);
  while (json[keyAt] !== OBJECT_END) {
    const end = skipValue(json, skipKey(json, keyAt));
    if (mayBeUserKey(json, keyAt)) outline.keepItem(keyAt, end);
    keyAt = nextItem(json, end, OBJECT_END);
  }
  outline.close(OBJECT_END);
  outline.put(COMMA);
  return keyAt + 1;
}

/** Parts of a text, put together as bytes: strings of their own would cost more than the copying. */
class Outline {
  readonly #json: Buffer;
  #bytes = Buffer.allocUnsafe(OUTLINE_BYTES);
  #length = 0;

  constructor(json: Buffer) {
    this.#json = json;
  }

  put(byte: number): void {
    this.#makeRoom(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  /** An element or a member. Returns its end. */
  keepItem(from: number, end: number): number {
    this.keep(from, end);
    this.put(COMMA);
    return end;
  }

  /** Instead of the last comma, if there is one. */
  close(closer: number): void {
    if (this.#bytes[this.#length - 1] === COMMA) this.#length -= 1;
    this.put(closer);
  }

  keep(from: number, end: number): void {
    this.#makeRoom(end - from);
    const shift = this.#length - from;
    if (end - from > SHORT_BYTES) this.#json.copy(this.#bytes, this.#length, from, end);
    else for (let at = from; at < end; at += 1) this.#bytes[at + shift] = this.#json[at] as number;
    this.#length += end - from;
  }

  text(): string {
    return this.#bytes.toString('utf8', 0, this.#length);
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Also where an escape is in the way, behind which there may be any key: then it is kept. */
function mayBeUserKey(json: Buffer, at: number): boolean {
  if (!isOf(USER_KEY_STARTS, json[at + 1])) return false;
  for (const key of USER_KEYS) {
    const alike = bytesAlike(json, at, key);
    if (alike === key.length || json[at + alike] === BACKSLASH) return true;
  }
  return false;
}

function bytesAlike(json: Buffer, from: number, key: Buffer): number {
  let alike = 0;
  while (alike < key.length && json[from + alike] === key[alike]) alike += 1;
  return alike;
}

/**
 * The exact text of each element of the top-level array `users` of a body that has been parsed before:
 * parts of its bytes, and no copies.
 */
export function splitUsers(json: Buffer): Buffer[] {
  let texts: Buffer[] = [];
  let keyAt = skipSpace(json, skipSpace(json, 0) + 1);
  while (json[keyAt] !== OBJECT_END) {
    const valueAt = skipKey(json, keyAt);
    const key = JSON.parse(json.toString('utf8', keyAt, skipString(json, keyAt)));
    if (key === 'users' && json[valueAt] === ARRAY) texts = splitItems(json, valueAt);
    keyAt = nextItem(json, skipValue(json, valueAt), OBJECT_END);
  }
  return texts;
}

function splitItems(json: Buffer, from: number): Buffer[] {
  const items: Buffer[] = [];
  let at = skipSpace(json, from + 1);
  while (json[at] !== ARRAY_END) {
    const end = skipValue(json, at);
    items.push(json.subarray(at, end));
    at = nextItem(json, end, ARRAY_END);
  }
  return items;
}
