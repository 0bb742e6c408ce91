import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import type { Faults } from './faults.ts';
import { type Order, type Rows, type Sort, slice, sliceUnstably, sorts } from './order.ts';
import { hash } from './random.ts';
import { renderUsers } from './render.ts';
import type { Workspace } from './workspace.ts';

const PER_PAGE = 50;
const PER_PAGE_MAX = 60;
const DAY_SECONDS = 86_400;

export interface ListRequest {
  query: URLSearchParams;
  /** Where `next` leads: the host that was asked. */
  origin: string;
  version: string;
  now: Date;
  /** Differs from request to request. */
  number: number;
}

interface ListParameters {
  page: number;
  perPage: number;
  sort: Sort;
  order: Order;
  createdSinceDays: number | undefined;
  email: string | undefined;
  phone: string | undefined;
}

/** GET /users: one page of the live table, found by its offset. */
export function listUsers(request: ListRequest, workspace: Workspace, faults: Faults): Answer {
  const parsed = parseParameters(request.query);
  if ('problem' in parsed) {
    const { problem, field } = parsed;
    return errorAnswer({ status: 400, code: 'parameter_invalid', message: problem, field }, faults);
  }
  const { page, perPage } = parsed;
  const first = (page - 1) * perPage;
  if (isBeyondLimit(first, first + perPage, faults)) return limitReached(page, perPage, faults);
  const rows = selectRows(parsed, request, workspace, faults);
  const isCut = faults.limit !== 'none' && faults.straddlingPage === 'cut';
  const last = isCut ? Math.min(first + perPage, faults.limitRows) : first + perPage;
  const rankOf = (slot: number): number => hash(request.number, slot, 50);
  const slots = faults.unstableTies
    ? sliceUnstably(rows, first, last, rankOf)
    : slice(rows, first, last);
  const users = renderUsers(slots, workspace, request.version, faults);
  return envelope(users, rows.length, parsed, request, faults);
}

function parseParameters(
  query: URLSearchParams,
): ListParameters | { problem: string; field: string } {
  const page = wholeNumber(query.get('page') ?? '1');
  if (page === undefined) return { problem: "'page' must be a number from 1", field: 'page' };
  const perPage = wholeNumber(query.get('per_page') ?? String(PER_PAGE));
  if (perPage === undefined || perPage > PER_PAGE_MAX) {
    return { problem: `'per_page' must be between 1 and ${PER_PAGE_MAX}`, field: 'per_page' };
  }
  const order = query.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') {
    return { problem: "'order' must be asc or desc", field: 'order' };
  }
  const named = query.get('sort') ?? 'created_at';
  const sort = sorts.find((known) => known === named);
  if (sort === undefined) return { problem: `'sort' must be one of ${sorts}`, field: 'sort' };
  const since = query.get('created_since');
  const createdSinceDays = since === null ? undefined : wholeNumber(since);
  if (since !== null && createdSinceDays === undefined) {
    return { problem: "'created_since' must be a count of days", field: 'created_since' };
  }
  const email = query.get('email') ?? undefined;
  const phone = query.get('phone') ?? undefined;
  return { page, perPage, order, sort, createdSinceDays, email, phone };
}

/** A whole number from 1. */
function wholeNumber(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

function selectRows(
  parameters: ListParameters,
  { now }: ListRequest,
  workspace: Workspace,
  faults: Faults,
): Rows {
  const { createdSinceDays, ...selection } = parameters;
  const nowSeconds = Math.floor(now.getTime() / 1000);
  const createdFrom =
    createdSinceDays === undefined ? undefined : nowSeconds - createdSinceDays * DAY_SECONDS;
  return workspace.select({ ...selection, createdFrom, indexLagMs: faults.indexLagMs });
}

function isBeyondLimit(first: number, last: number, faults: Faults): boolean {
  if (faults.limit === 'none' || last <= faults.limitRows) return false;
  return first >= faults.limitRows || faults.straddlingPage === 'refused';
}

function limitReached(page: number, perPage: number, faults: Faults): Answer {
  if (faults.limit === 'model') {
    const message = "'page' not found on model";
    return errorAnswer({ status: 400, code: 'parameter_invalid', message }, faults);
  }
  if (faults.limit === 'refused') {
    const message = 'page limit reached, please use scroll API';
    return errorAnswer({ status: 400, code: 'bad_request', message }, faults);
  }
  const type = faults.pagesTypeAbsent ? {} : { type: 'pages' };
  return jsonAnswer(
    JSON.stringify({
      type: 'user.list',
      ...(faults.limitedAbsent ? {} : { limited: false }),
      total_count: 0,
      users: [],
      pages: { ...type, next: null, page, per_page: perPage, total_pages: 0 },
    }),
  );
}

/** The page around its users, who are rendered already: their JSON is taken as it is. */
function envelope(
  users: string,
  matching: number,
  parameters: ListParameters,
  request: ListRequest,
  faults: Faults,
): Answer {
  const { page, perPage } = parameters;
  const told = toldCount(matching, page, faults);
  // A capped count caps the pages too; any other wrong count leaves the list its true end.
  const reachable = faults.totalCount === 'capped' ? told : matching;
  const hasNext = page * perPage < reachable;
  const next = hasNext ? { next: nextUrl(request, page + 1, perPage, faults) } : undefined;
  const end = faults.end === 'absent' ? {} : { next: null };
  const pages = {
    ...(faults.pagesTypeAbsent ? {} : { type: 'pages' }),
    ...(next ?? end),
    page,
    per_page: perPage,
    total_pages: Math.ceil(told / perPage),
  };
  const isEmpty = next === undefined && faults.end === 'empty';
  const parts = [
    '"type":"user.list"',
    ...(faults.limitedAbsent ? [] : ['"limited":false']),
    ...(faults.totalCount === 'missing' ? [] : [`"total_count":${told}`]),
    `"users":${users}`,
    `"pages":${isEmpty ? '{}' : JSON.stringify(pages)}`,
  ];
  return jsonAnswer(`{${parts.join(',')}}`);
}

function toldCount(matching: number, page: number, faults: Faults): number {
  const { totalCount, totalCountOff, limitRows } = faults;
  if (totalCount === 'capped') return Math.min(matching, limitRows);
  if (totalCount === 'off') return Math.max(0, matching + totalCountOff);
  if (totalCount === 'falling') return Math.max(0, matching - Math.abs(totalCountOff) * (page - 1));
  return matching;
}

const filters = ['order', 'sort', 'created_since', 'email', 'phone'];

function nextUrl(request: ListRequest, page: number, perPage: number, faults: Faults): string {
  const url = new URL('/users', faults.nextOrigin ?? request.origin);
  if (faults.nextFilters !== 'dropped') url.searchParams.set('per_page', String(perPage));
  url.searchParams.set('page', String(page));
  for (const name of faults.nextFilters === 'kept' ? filters : []) {
    const value = request.query.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  return url.href;
}
