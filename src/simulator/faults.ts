import type { AnswerFault } from './mishaps.ts';

/** What the simulated Intercom does wrong, or in one of several ways on record. Mutable at any time. */
export interface Faults {
  /** What a list answers beyond its limit. */
  limit: 'refused' | 'model' | 'emptied' | 'none';
  limitRows: number;
  /** A page that begins within the limit and ends beyond it; nobody knows which is right. */
  straddlingPage: 'refused' | 'served' | 'cut';
  totalCount: 'right' | 'capped' | 'missing' | 'off' | 'falling';
  /** By how many users an `off` count is wrong, and a `falling` one falls from page to page. */
  totalCountOff: number;
  /** How `pages` says that this page is the last. */
  end: 'null' | 'absent' | 'empty';
  limitedAbsent: boolean;
  pagesTypeAbsent: boolean;
  /** What `next` carries: all that was asked, only `page` and `per_page`, or only `page`. */
  nextFilters: 'kept' | 'paging' | 'dropped';
  /** `next` names this origin in place of our own. */
  nextOrigin: string | null;
  unstableTies: boolean;
  indexLagMs: number;
  /** Changes made to the table before each page of a list or a scroll. */
  updatesPerPage: number;
  createsPerPage: number;
  deletesPerPage: number;
  scrollParam: 'same' | 'changing';
  scrollShortPages: boolean;
  scrollLifeMs: number;
  /** How much longer than the scroll its lock lives. */
  scrollLockMs: number;
  scrollHeldByOther: boolean;
  meRefused: boolean;
  /** The app that `/me` names in place of the real one. */
  meAppId: string | null;
  versionRefused: boolean;
  /** What the app's own setting says, for requests that name no version. */
  versionWithoutHeader: string;
  /** Leave out the keys that were dropped from 1.2 on. */
  keysByVersion: boolean;
  /** The token is revoked once so many requests were answered. */
  tokenRevokedAfter: number | null;
  /** How much of each window's budget another integration uses up. */
  otherClientPerWindow: number;
  rateHeaders: 'present' | 'absent-on-429' | 'absent';
  rateReset: 'right' | 'past' | 'far';
  retryAfterSeconds: number | null;
  requestId: 'present' | 'missing' | 'null';
  errorKey: 'code' | 'type';
  dateAbsent: boolean;
  clockOffsetMs: number;
  latencyMs: number;
  /** How long an answer takes that is `slow`. */
  slowMs: number;
  dripBytesPerSecond: number;
  /** Where `redirectOther` leads. */
  redirectOrigin: string;
  /** Which requests are answered wrongly, and how. */
  rules: FaultRule[];
}

/** An answer of the test's own making. */
export interface CustomAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export interface FaultRule {
  answer: AnswerFault | CustomAnswer;
  match?: {
    /** The exact path, without the query. */
    path?: string;
    query?: Record<string, string>;
    /** Of the requests that match path and query, the Nth alone, counted from 1. */
    nth?: number;
    /** … every Nth. */
    every?: number;
    /** … the Nth and those after it. */
    from?: number;
  };
  /** How many requests are answered so, and then no more. */
  times?: number;
}

export function defaultFaults(): Faults {
  return {
    limit: 'refused',
    limitRows: 10_000,
    straddlingPage: 'refused',
    totalCount: 'right',
    totalCountOff: -100,
    end: 'null',
    limitedAbsent: false,
    pagesTypeAbsent: false,
    nextFilters: 'kept',
    nextOrigin: null,
    unstableTies: false,
    indexLagMs: 0,
    updatesPerPage: 0,
    createsPerPage: 0,
    deletesPerPage: 0,
    scrollParam: 'same',
    scrollShortPages: false,
    scrollLifeMs: 60_000,
    scrollLockMs: 0,
    scrollHeldByOther: false,
    meRefused: false,
    meAppId: null,
    versionRefused: false,
    versionWithoutHeader: '1.4',
    keysByVersion: false,
    tokenRevokedAfter: null,
    otherClientPerWindow: 0,
    rateHeaders: 'present',
    rateReset: 'right',
    retryAfterSeconds: null,
    requestId: 'present',
    errorKey: 'code',
    dateAbsent: false,
    clockOffsetMs: 0,
    latencyMs: 0,
    slowMs: 5_000,
    dripBytesPerSecond: 5,
    redirectOrigin: 'http://elsewhere.invalid',
    rules: [],
  };
}

/** Counts the requests that each rule matched, and finds the first rule that answers this one. */
export class RuleBook {
  readonly #seen = new WeakMap<FaultRule, { matched: number; answered: number }>();

  take(rules: readonly FaultRule[], path: string, query: URLSearchParams): FaultRule | undefined {
    let taken: FaultRule | undefined;
    for (const rule of rules) {
      if (!isMatch(rule, path, query)) continue;
      const seen = this.#seen.get(rule) ?? { matched: 0, answered: 0 };
      this.#seen.set(rule, seen);
      seen.matched += 1;
      if (taken !== undefined || !isDue(rule, seen)) continue;
      seen.answered += 1;
      taken = rule;
    }
    return taken;
  }
}

function isMatch({ match = {} }: FaultRule, path: string, query: URLSearchParams): boolean {
  if (match.path !== undefined && match.path !== path) return false;
  return Object.entries(match.query ?? {}).every(([key, value]) => query.get(key) === value);
}

function isDue(rule: FaultRule, seen: { matched: number; answered: number }): boolean {
  const { nth, every, from } = rule.match ?? {};
  if (rule.times !== undefined && seen.answered >= rule.times) return false;
  if (nth !== undefined && seen.matched !== nth) return false;
  if (every !== undefined && seen.matched % every !== 0) return false;
  return from === undefined || seen.matched >= from;
}
