import { createClient } from '../../src/intercom/client.ts';
import { type PagedPass, readList } from '../../src/intercom/list.ts';
import { createIntercomSource, type SourceWait } from '../../src/intercom/source.ts';
import type { ListPass, Pass, SourcePage, UserSource } from '../../src/sync/source.ts';
import { type CannedServer, type Reply, serve } from '../support/canned-server.ts';
import type { WireUser } from '../support/recorded-users.ts';

/** A table behind `GET /users`, whose pages are offsets into what it holds at that moment. */
export interface ListTable {
  rows: WireUser[];
  /** What `total_count` says; undefined leaves it out. */
  count?: (rows: number) => number | undefined;
  /** What `pages` says of the end of the list. */
  end?: object | undefined;
  /** Takes the place of a page. */
  instead?: (page: number, perPage: number, request: number) => Reply | undefined;
  /** Rewrites the address of the next page. */
  next?: (address: URL) => string;
  /** Called behind each answer, with how many were given. */
  after?: (requests: number) => void;
}

export async function serveTable(table: ListTable): Promise<CannedServer> {
  const server: CannedServer = await serve((request, index) => {
    const page = Number(request.query.get('page') ?? 1);
    const perPage = Number(request.query.get('per_page') ?? 50);
    const reply = table.instead?.(page, perPage, index) ?? pageOf(table, page, perPage, server.url);
    table.after?.(index + 1);
    return reply;
  });
  return server;
}

function pageOf(table: ListTable, page: number, perPage: number, url: URL): Reply {
  const { rows, count = (total) => total, end = { next: null } } = table;
  const address = new URL(`/users?per_page=${perPage}&page=${page + 1}`, url);
  const isLast = page * perPage >= rows.length;
  const paging = { page, per_page: perPage, total_pages: Math.ceil(rows.length / perPage) };
  const next = table.next?.(address) ?? address.href;
  return {
    body: {
      type: 'user.list',
      total_count: count(rows.length),
      users: rows.slice((page - 1) * perPage, page * perPage),
      pages: isLast ? end : { ...paging, next },
    },
  };
}

export const TOKEN = 'tok-not-to-be-seen';

export interface Opened extends UserSource {
  readonly waits: readonly SourceWait[];
}

/** The source as the program opens it, with waits of a few milliseconds. */
export function openSource(
  url: URL,
  settings: {
    perPage?: number;
    signal?: AbortSignal;
    restartWaitMs?: number;
    requestTimeoutMs?: number;
    onWait?: (wait: SourceWait) => void;
  } = {},
): Opened {
  const waits: SourceWait[] = [];
  const source = createIntercomSource({
    baseUrl: url,
    accessToken: TOKEN,
    apiVersion: '1.4',
    requestTimeoutMs: settings.requestTimeoutMs ?? 5_000,
    perPage: settings.perPage ?? 50,
    rateShare: 1,
    scrollRestartWaitMs: settings.restartWaitMs ?? 1,
    retry: { retriesMax: 2, firstWaitMs: 1, longestWaitMs: 2, elapsedMaxMs: 60_000 },
    signal: settings.signal ?? new AbortController().signal,
    onWait: (wait) => {
      waits.push(wait);
      settings.onWait?.(wait);
    },
  });
  return { ...source, waits };
}

/** The list alone, on the client: tests of thousands of requests need no rate limiter. */
export function openList(url: URL, perPage = 50): Pick<UserSource, 'pages'> {
  const client = createClient({
    baseUrl: url,
    accessToken: TOKEN,
    apiVersion: '1.4',
    requestTimeoutMs: 5_000,
  });
  const { signal } = new AbortController();
  return {
    pages: (pass) =>
      readList(pass as PagedPass, {
        perPage,
        origin: url.origin,
        get: (path, read) => client.get(path, read, signal),
      }),
  };
}

export interface Read {
  readonly pages: readonly SourcePage[];
  readonly ids: readonly (string | null)[];
  /** `complete`, or the limit's face, or `drift`. */
  readonly end: string;
  /** The page that the limit or the drift was met at. */
  readonly endPage: number | null;
}

export async function readAll(source: Pick<UserSource, 'pages'>, pass: Pass): Promise<Read> {
  const pages: SourcePage[] = [];
  let end = 'complete';
  let endPage: number | null = null;
  for await (const item of source.pages(pass)) {
    if (item.kind === 'page') pages.push(item);
    else {
      end = item.kind === 'limit' ? item.face : item.kind;
      endPage = item.page;
    }
  }
  return { pages, ids: pages.flatMap((page) => page.users.map(({ id }) => id)), end, endPage };
}

export const LIST: ListPass = {
  name: 'list',
  sort: 'created_at',
  order: 'desc',
  createdSinceDays: null,
  resume: null,
};
