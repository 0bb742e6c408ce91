import {
  APP_ID,
  type Edition,
  ID_CHARS,
  makeTexts,
  PEOPLE_MAX,
  userId,
  userText,
} from './people.ts';

/** The bodies of every answer, as bytes that were made before anyone asks. */
export interface Answers {
  readonly me: Buffer;
  /** Page `page` of the list, by any order. */
  list(page: number): Buffer;
  /** A filter that nobody passes. */
  readonly nobody: Buffer;
  /** The pages of a scroll, from 0; behind the last one an empty one. */
  scroll(page: number): Buffer;
  user(id: string): Buffer | null;
}

export interface AnswersOptions {
  readonly users: number;
  readonly edition: Edition;
  readonly perPage: number;
  readonly scrollPage: number;
}

const LISTED_MAX = 10_000;

export function makeAnswers(options: AnswersOptions, origin: string): Answers {
  const { users, edition, perPage } = options;
  const texts = makeTexts(users, edition);
  // Of a list that is too long the first page alone is ever read.
  const listed = users > LISTED_MAX ? perPage : users;
  const list = inPages(listed, perPage, (from, to, page) => {
    const next = to < users ? `"${origin}/users?per_page=${perPage}&page=${page + 1}"` : 'null';
    const pages = `{"type":"pages","next":${next},"page":${page},"per_page":${perPage},"total_pages":${Math.ceil(users / perPage)}}`;
    return Buffer.from(
      `{"type":"user.list","limited":false,"total_count":${users},"users":[${textsOf(texts, from, to)}],"pages":${pages}}`,
    );
  });
  const nobody = Buffer.from(
    '{"type":"user.list","total_count":0,"users":[],"pages":{"next":null}}',
  );
  const slots = new Map(Array.from(texts, (_, slot) => [userId(slot), slot]));
  return {
    me: Buffer.from(`{"type":"admin","id":"1","app":{"type":"app","id_code":"${APP_ID}"}}`),
    list: (page) => list[page - 1] ?? nobody,
    nobody,
    scroll: makeScroll(texts, options),
    user: (id) => {
      const slot = slots.get(id);
      return slot === undefined ? null : Buffer.from(userText(texts, slot));
    },
  };
}

/**
 * Pages of the first people are made once. A longer scroll sends them again and again, with the next
 * ids written over the last: a million users fit in the memory of ten thousand.
 */
function makeScroll(texts: readonly string[], options: AnswersOptions): Answers['scroll'] {
  const { users, scrollPage } = options;
  const isRepeated = users > PEOPLE_MAX;
  if (isRepeated && (users % scrollPage > 0 || PEOPLE_MAX % scrollPage > 0)) {
    throw new TypeError(`${users} users do not fill pages of ${scrollPage}`);
  }
  const end = Buffer.from('{"type":"user.list","users":[],"scroll_param":"bench"}');
  const pages = inPages(texts.length, scrollPage, (from, to) => scrollBody(texts, from, to));
  if (!isRepeated) return (page) => pages[page] ?? end;

  const ids = Buffer.alloc(users * ID_CHARS);
  for (let slot = 0; slot < users; slot += 1) ids.write(userId(slot), slot * ID_CHARS, 'latin1');
  const places = pages.map((body, page) =>
    Array.from({ length: scrollPage }, (_, at) => body.indexOf(userId(page * scrollPage + at))),
  );
  return (page) => {
    if (page * scrollPage >= users) return end;
    const body = pages[page % pages.length] ?? end;
    const idStart = page * scrollPage * ID_CHARS;
    places[page % pages.length]?.forEach((place, at) => {
      const from = idStart + at * ID_CHARS;
      ids.copy(body, place, from, from + ID_CHARS);
    });
    return body;
  };
}

function scrollBody(texts: readonly string[], from: number, to: number): Buffer {
  const users = textsOf(texts, from, to);
  return Buffer.from(`{"type":"user.list","users":[${users}],"scroll_param":"bench"}`);
}

function textsOf(texts: readonly string[], from: number, to: number): string {
  return texts.slice(from, to).join(',');
}

function inPages<T>(
  users: number,
  perPage: number,
  make: (from: number, to: number, page: number) => T,
): T[] {
  return Array.from({ length: Math.ceil(users / perPage) }, (_, index) =>
    make(index * perPage, Math.min(users, (index + 1) * perPage), index + 1),
  );
}
