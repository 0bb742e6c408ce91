import { SyncError } from '../errors.ts';
import type {
  ListDrift,
  ListPass,
  LookupPass,
  SourcePage,
  UpdatedPass,
  UsersLimit,
} from '../sync/source.ts';
import type { Got, Reader } from './client.ts';
import { ApiError } from './faults.ts';
import { parseUserList, toSourcePage } from './user.ts';

export type PagedPass = ListPass | UpdatedPass | LookupPass;

export interface ListOptions {
  readonly perPage: number;
  /** The only place that `pages.next` may point to. */
  readonly origin: string;
  get<T>(pathAndQuery: string, read: Reader<T>): Promise<Got<T>>;
}

/** A list is refused, empty or capped from about this row on. */
const USERS_LIMIT = 10_000;
/** A list that the limit does not end is ended by this, at the latest. */
const PAGES_MAX = 100_000;
/** Pages may be read again, after deletions, as often as the list is long and this many times more. */
const REREADS_MIN = 20;

/**
 * The pages of a list, following `pages.next`. Pages are offsets into a live table: when users
 * vanish between two requests, those behind them slide to the front, past the page that is read
 * next. A fall of `total_count` tells, and the list goes back by as many rows before it goes on.
 */
export async function* readList(
  pass: PagedPass,
  options: ListOptions,
): AsyncGenerator<SourcePage | UsersLimit | ListDrift> {
  const query = queryOf(pass, options.perPage);
  let at = startOf(pass, options.perPage);
  let rereads = 0;

  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = at.page;
    const got = await fetchPage(pathTo(page, query), page, options);
    if (got === 'refused') {
      yield { kind: 'limit', face: 'refused', page, totalCount: at.totalCount };
      return;
    }
    const face = limitFaceOf(pass, page, got, options.perPage);
    at = advance(at, got, options.perPage);
    // Behind a page at which the list is cut off comes that page again, should the run be resumed.
    // Behind a gap there may be users who changed, even where this page is past those who did.
    const isPassEnd = !at.hasGap && (got.isLast || endsBefore(pass, got.users));
    const next = face !== null ? pathTo(page, query) : isPassEnd ? null : pathTo(at.page, query);
    yield { ...got.users, next: pass.name === 'lookup' ? null : next };
    if (face !== null) {
      yield { kind: 'limit', face, page, totalCount: got.users.totalCount };
      return;
    }
    if (isPassEnd) return;
    rereads += at.hasGap ? 1 : 0;
    if (rereads > REREADS_MIN + page) {
      yield { kind: 'drift', page };
      return;
    }
  }
  throw nonsense(`a list of more than ${PAGES_MAX} pages`);
}

function queryOf(pass: PagedPass, perPage: number): ReadonlyMap<string, string> {
  const query = new Map([['per_page', String(perPage)]]);
  if (pass.name === 'lookup') return query.set(pass.by, pass.value);
  query.set('sort', pass.name === 'updated' ? 'updated_at' : pass.sort);
  query.set('order', pass.name === 'updated' ? 'desc' : pass.order);
  if (pass.name !== 'updated' && pass.createdSinceDays !== null) {
    query.set('created_since', String(pass.createdSinceDays));
  }
  return query;
}

/** Everything that was asked for is asked for on each page: `next` may have dropped it. */
function pathTo(page: number, query: ReadonlyMap<string, string>): string {
  return `/users?${new URLSearchParams([['page', String(page)], ...query])}`;
}

/** Where the list is: every row before `rowsRead`, as rows count now, has been read. */
interface Position {
  readonly page: number;
  readonly rowsRead: number;
  /** `rowsRead` of when the count was last told: a fall may have happened since then at any time. */
  readonly rowsCounted: number;
  readonly totalCount: number | null;
  readonly hasGap: boolean;
}

function startOf(pass: PagedPass, perPage: number): Position {
  const resume = 'resume' in pass ? pass.resume : null;
  const query = new URLSearchParams(resume?.next.split('?')[1]);
  const page = resume ? Number(query.get('page')) : 1;
  const rowsRead = (page - 1) * perPage;
  const totalCount = resume?.totalCount ?? null;
  return { page, rowsRead, rowsCounted: rowsRead, totalCount, hasGap: false };
}

interface FetchedPage {
  readonly page: number;
  readonly users: SourcePage;
  readonly isLast: boolean;
}

function advance(at: Position, got: FetchedPage, perPage: number): Position {
  const totalCount = got.users.totalCount ?? at.totalCount;
  const fall = Math.max(0, (at.totalCount ?? 0) - (totalCount ?? 0));
  // At worst all that vanished stood before the rows read by then, and all of these have slid.
  const rowsSure = fall === 0 ? at.rowsRead : Math.max(0, at.rowsCounted - fall);
  const hasGap = (got.page - 1) * perPage > rowsSure;
  const rowsRead = hasGap ? rowsSure : got.page * perPage;
  const page = Math.floor(rowsRead / perPage) + 1;
  const rowsCounted = got.users.totalCount === null ? Math.min(at.rowsCounted, rowsRead) : rowsRead;
  return { page, rowsRead, rowsCounted, totalCount, hasGap };
}

async function fetchPage(
  path: string,
  page: number,
  options: ListOptions,
): Promise<FetchedPage | 'refused'> {
  try {
    const { value } = await options.get(path, (answer) => {
      const list = parseUserList(answer.json);
      if (!list) return null;
      return { users: toSourcePage(answer, list, page), next: list.pages?.next ?? null };
    });
    if (value.next !== null) checkNext(value.next, page, options.origin);
    return { page, users: value.users, isLast: value.next === null };
  } catch (error) {
    if (error instanceof ApiError && isLimit(error, page, options.perPage)) return 'refused';
    throw error;
  }
}

/** No code says so: it is known by where it happens, or by its words. */
function isLimit(error: ApiError, page: number, perPage: number): boolean {
  const { status } = error.head;
  if (error.recovery !== 'final' || error.kind !== 'source' || page === 1) return false;
  if (status !== 400 && status !== 200) return false;
  return error.saysPageLimit || page * perPage > USERS_LIMIT;
}

/** The token must not follow `next` elsewhere, nor the list skip pages or run in circles. */
function checkNext(next: string, page: number, origin: string): void {
  const url = URL.canParse(next, origin) ? new URL(next, origin) : null;
  if (!url) throw nonsense('a pages.next that is no address');
  if (url.origin !== origin) throw nonsense(`a pages.next at another origin, ${url.origin}`);
  if (!url.pathname.endsWith('/users') || url.searchParams.get('page') !== String(page + 1)) {
    throw nonsense(`a pages.next behind page ${page} that is not page ${page + 1} of the users`);
  }
}

function nonsense(what: string): SyncError {
  return new SyncError(
    'source',
    `Intercom answered with ${what}`,
    'Nothing was read from there. Check that INTERCOM_BASE_URL is an Intercom API.',
  );
}

function limitFaceOf(
  pass: PagedPass,
  page: number,
  { users: { users, totalCount }, isLast }: FetchedPage,
  perPage: number,
): UsersLimit['face'] | null {
  // The `updated` pass counts all users but reads only those that changed.
  if (pass.name !== 'updated' && totalCount !== null && totalCount > USERS_LIMIT) return 'counted';
  if (users.length === 0 && page * perPage > USERS_LIMIT) return 'emptied';
  const lastRow = (page - 1) * perPage + users.length;
  if (!isLast || lastRow < USERS_LIMIT - perPage + 1) return null;
  // A full last page just below the limit is the end only if the count says so.
  const isCountedEnd = totalCount !== null && totalCount <= lastRow && totalCount < USERS_LIMIT;
  const isShortPage = users.length < perPage && lastRow < USERS_LIMIT;
  return isCountedEnd || isShortPage ? null : 'ended';
}

/** Whether the last user of the page with a time was updated before all that the pass is after. */
function endsBefore(pass: PagedPass, page: SourcePage): boolean {
  if (pass.name !== 'updated') return false;
  const last = page.users.findLast((user) => user.updatedAtSeconds !== null);
  return last !== undefined && (last.updatedAtSeconds ?? 0) * 1000 < pass.since.getTime();
}
