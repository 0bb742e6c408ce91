import { z } from 'zod';
import type { SourcePage, SourceUser } from '../sync/source.ts';

/**
 * The wire shapes, as far as this program has to know them. A user is anything in the array: what
 * is wrong with one user is for the store's rejects, and costs the others nothing.
 */
const textOrNull = z.string().min(1).nullable().catch(null);

const wireUser = z
  .object({ id: textOrNull, app_id: textOrNull, updated_at: z.number().nullable().catch(null) })
  .catch({ id: null, app_id: null, updated_at: null });

const userList = z.object({
  users: z.array(wireUser),
  total_count: z.number().int().nonnegative().nullable().catch(null),
  // Absent, null and `{}` all end a list.
  pages: z.object({ next: z.string().nullish() }).nullish(),
  scroll_param: textOrNull,
});

const errorList = z.object({
  type: z.literal('error.list'),
  request_id: textOrNull,
  errors: z
    .array(z.object({ code: textOrNull, type: textOrNull, message: textOrNull }))
    .catch(() => []),
});

const identity = z.object({ app: z.object({ id_code: z.string().min(1) }).nullish() });

export type UserList = z.infer<typeof userList>;

/** Returns null for an answer that is no list of users. */
export function parseUserList(json: unknown): UserList | null {
  return userList.safeParse(json).data ?? null;
}

export interface ApiFault {
  readonly code: string | null;
  readonly message: string | null;
  readonly requestId: string | null;
}

/** Returns null for a body that is no `error.list`. Very old answers say `type` in place of `code`. */
export function parseErrorList(json: unknown): ApiFault | null {
  const parsed = errorList.safeParse(json).data;
  if (!parsed) return null;
  const first = parsed.errors[0];
  return {
    code: first?.code ?? first?.type ?? null,
    message: first?.message ?? null,
    requestId: parsed.request_id,
  };
}

/** Intercom's code of the app in an answer of `/me`, null where there is none. */
export function parseAppId(json: unknown): string | null {
  return identity.safeParse(json).data?.app?.id_code ?? null;
}

/** A body after hygiene. */
export interface AnswerBody {
  /** In UTF-8. */
  readonly bytes: Uint8Array;
  readonly json: unknown;
  /** Characters the hygiene replaced. */
  readonly cleaned: number;
}

/** `page` is the page's number in a list; where it goes on is for the list to say. */
export function toSourcePage(
  answer: Pick<AnswerBody, 'bytes' | 'cleaned'>,
  list: UserList,
  page: number | null,
): SourcePage {
  return {
    kind: 'page',
    page,
    next: null,
    totalCount: list.total_count,
    body: answer.bytes,
    users: list.users.map(toSourceUser),
    cleaned: answer.cleaned,
    userTexts: () => splitUsers(new TextDecoder().decode(answer.bytes)),
  };
}

/** `GET /users/{id}` answers the bare user: it becomes a page of one. Null if it is another. */
export function toSingleUserPage(answer: AnswerBody, id: string): SourcePage | null {
  const user = wireUser.parse(answer.json);
  if (user.id !== id) return null;
  const bytes = Buffer.concat([Buffer.from('{"users":['), answer.bytes, Buffer.from(']}')]);
  return toSourcePage(
    { bytes, cleaned: answer.cleaned },
    { users: [user], total_count: null, scroll_param: null },
    null,
  );
}

function toSourceUser(user: z.infer<typeof wireUser>): SourceUser {
  return { id: user.id, appId: user.app_id, updatedAtSeconds: user.updated_at };
}

/**
 * The exact text of each element of the top-level array `users`. The text has been parsed before,
 * so it is JSON; only strings and brackets matter. Linear, and needs no stack for deep nesting.
 */
export function splitUsers(body: string): string[] {
  let texts: string[] = [];
  let depth = 0;
  let key = '';
  let start = -1;
  let isInUsers = false;
  for (let at = 0; at < body.length; at += 1) {
    const char = body[at] as string;
    if (isInUsers && depth === 2 && start < 0 && !/[\s,\]]/.test(char)) start = at;
    if (char === '"') {
      const end = endOfString(body, at);
      KEY_END.lastIndex = end + 1;
      if (depth === 1 && KEY_END.test(body)) key = JSON.parse(body.slice(at, end + 1));
      at = end;
    } else if (char === '{' || char === '[') {
      depth += 1;
      if (char === '[' && depth === 2 && key === 'users') {
        isInUsers = true;
        texts = [];
      }
    } else if (char === '}' || char === ']' || char === ',') {
      const isElementEnd = isInUsers && depth === 2 && char !== '}' && start >= 0;
      if (isElementEnd) {
        texts.push(body.slice(start, at).trimEnd());
        start = -1;
      }
      if (char !== ',') depth -= 1;
      if (depth === 1) isInUsers = false;
    }
  }
  return texts;
}

const KEY_END = /\s*:/y;

function endOfString(text: string, openingQuote: number): number {
  let at = openingQuote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
