import {
  ARRAY,
  BACKSLASH,
  OBJECT,
  skipItems,
  skipKey,
  skipSpace,
  skipString,
  skipValue,
} from './json-bytes.ts';

// A page of users as bytes. This program has to know a fiftieth of it, the rest is for Postgres as it came.
// To parse all of it would cost more than anything else that is done here, for objects that nobody looks
// at. So every byte is checked to be JSON, and only what is needed is made of it.

const USERS = Buffer.from('"users"');
const USER_KEYS = ['"id"', '"app_id"', '"updated_at"'].map((key) => Buffer.from(key));

/**
 * What `JSON.parse` makes of a body, but that the objects in its array `users` have no more than their
 * `id`, `app_id` and `updated_at`. Takes UTF-8; throws `SyntaxError` where it is no JSON.
 */
export function parseOutline(json: Buffer): unknown {
  return JSON.parse(outlineOf(json));
}

/** What is kept is judged when it is parsed, so that only what is left out must be judged here. */
function outlineOf(json: Buffer): string {
  const from = skipSpace(json, 0);
  if (json[from] !== OBJECT) return json.toString();
  let outline = '';
  let keptTo = 0;
  skipItems(json, from, (keyAt) => {
    const valueAt = skipKey(json, keyAt);
    const isUsers = bytesAlike(json, keyAt, USERS) === USERS.length && json[valueAt] === ARRAY;
    if (!isUsers) return skipValue(json, valueAt);
    const users: string[] = [];
    const end = skipItems(json, valueAt, (at) => outlineUser(json, at, users));
    outline += `${json.toString('utf8', keptTo, valueAt)}[${users}]`;
    keptTo = end;
    return end;
  });
  return outline + json.toString('utf8', keptTo);
}

function outlineUser(json: Buffer, from: number, users: string[]): number {
  if (json[from] !== OBJECT) return keep(json, from, skipValue(json, from), users);
  const members: string[] = [];
  const end = skipItems(json, from, (keyAt) => {
    const memberEnd = skipValue(json, skipKey(json, keyAt));
    return mayBeUserKey(json, keyAt) ? keep(json, keyAt, memberEnd, members) : memberEnd;
  });
  users.push(`{${members}}`);
  return end;
}

function keep(json: Buffer, from: number, end: number, texts: string[]): number {
  texts.push(json.toString('utf8', from, end));
  return end;
}

/** Also where an escape is in the way, behind which there may be any key: then it is kept. */
function mayBeUserKey(json: Buffer, at: number): boolean {
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
  skipItems(json, skipSpace(json, 0), (keyAt) => {
    const valueAt = skipKey(json, keyAt);
    const key = JSON.parse(json.toString('utf8', keyAt, skipString(json, keyAt)));
    if (key !== 'users' || json[valueAt] !== ARRAY) return skipValue(json, valueAt);
    texts = [];
    return skipItems(json, valueAt, (at) => {
      const end = skipValue(json, at);
      texts.push(json.subarray(at, end));
      return end;
    });
  });
  return texts;
}
