import { z } from 'zod';
import type { SourcePage, SourceUser } from '../sync/source.ts';
import { splitUsers } from './outline.ts';

/** The wire shapes, as far as this program has to know them. */
const textOrNull = z.string().min(1).nullable().catch(null);

const userList = z.object({
  // Not of its elements: zod would look at each of them, and copy the array.
  users: z.custom<unknown[]>(Array.isArray),
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
  // Hardly any answer is one, and the schema is long about saying why it is not.
  if ((json as { type?: unknown } | null)?.type !== 'error.list') return null;
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
  /** JSON in UTF-8. */
  readonly bytes: Buffer;
  /** As `parseOutline` makes it. */
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
    userTexts: () => splitUsers(answer.bytes),
  };
}

/** `GET /users/{id}` answers the bare user: it becomes a page of one. Null if it is another. */
export function toSingleUserPage(answer: AnswerBody, id: string): SourcePage | null {
  if (toSourceUser(answer.json).id !== id) return null;
  const bytes = Buffer.concat([Buffer.from('{"users":['), answer.bytes, Buffer.from(']}')]);
  return toSourcePage(
    { bytes, cleaned: answer.cleaned },
    { users: [answer.json], total_count: null, scroll_param: null },
    null,
  );
}

/**
 * A user is anything that is in the array: what is wrong with one is for the store's rejects, and costs
 * the others nothing. By hand: a schema costs more for each user than all the rest of this file.
 */
function toSourceUser(user: unknown): SourceUser {
  const { id, app_id, updated_at } = (user ?? {}) as Record<string, unknown>;
  return {
    id: nonEmptyText(id),
    appId: nonEmptyText(app_id),
    updatedAtSeconds: Number.isFinite(updated_at) ? (updated_at as number) : null,
  };
}

function nonEmptyText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
