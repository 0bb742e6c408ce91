import { type ErrorKind, SyncError } from '../errors.ts';
import { TransportError } from './http.ts';
import type { ApiFault } from './user.ts';

/** What is known of an answer before its body, as far as it is needed. */
export interface AnswerHead {
  readonly status: number | null;
  readonly date: Date | null;
  readonly rate: RateHeaders;
}

export interface RateHeaders {
  /** Calls allowed in a window, left in it, and the unix second it ends. */
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly resetSeconds: number | null;
  readonly retryAfterSeconds: number | null;
}

/**
 * What to do about a failed request. `final`: nothing helps. `wait`: the rate limit. `unsent`: it
 * never arrived, so asking again is safe. `unsure`: it may have been carried out, which matters to a
 * scroll, whose cursor may have moved on.
 */
export type Recovery = 'final' | 'wait' | 'unsent' | 'unsure';

export class ApiError extends SyncError {
  readonly recovery: Recovery;
  readonly code: string | null;
  /** Intercom says in words that the list ends here: there is no code for it. */
  readonly saysPageLimit: boolean;
  readonly head: AnswerHead;

  constructor(fault: {
    kind: ErrorKind;
    recovery: Recovery;
    message: string;
    hint: string | null;
    head: AnswerHead;
    answer?: ApiFault | null;
  }) {
    super(fault.kind, fault.message, fault.hint);
    this.recovery = fault.recovery;
    this.head = fault.head;
    this.code = fault.answer?.code ?? null;
    this.saysPageLimit = /page limit reached/i.test(fault.answer?.message ?? '');
  }
}

const NO_RATE: RateHeaders = {
  limit: null,
  remaining: null,
  resetSeconds: null,
  retryAfterSeconds: null,
};
export const NO_HEAD: AnswerHead = { status: null, date: null, rate: NO_RATE };

/** A request, as far as a message may have to name it. */
export interface Asked {
  readonly origin: string;
  readonly path: string;
}

/** The one place where a status and a code become what to do. */
export function explainAnswer(asked: Asked, head: AnswerHead, fault: ApiFault | null): ApiError {
  const { kind, recovery, hint } = classify(head.status ?? 0, fault?.code ?? '');
  // Only what has the shape of a code is repeated: Intercom's message may name a user.
  const code = /^[a-z_]{1,64}$/.test(fault?.code ?? '') ? ` ${fault?.code}` : '';
  const requestId = /^[\w-]{1,64}$/.test(fault?.requestId ?? '')
    ? `, request ${fault?.requestId}`
    : '';
  return new ApiError({
    kind,
    recovery,
    message: `${nameRequest(asked)} was answered ${head.status}${code}${requestId}`,
    hint,
    head,
    answer: fault,
  });
}

interface Meaning {
  readonly kind: ErrorKind;
  readonly recovery: Recovery;
  readonly hint: string | null;
}

function classify(status: number, code: string): Meaning {
  if (code === 'intercom_version_invalid') {
    return {
      kind: 'settings',
      recovery: 'final',
      hint: 'Users are served by API versions 1.0 to 1.4: set INTERCOM_API_VERSION to 1.4. An app that has only 2.x needs the Contacts source.',
    };
  }
  if (status === 401 || CREDENTIAL_CODES.has(code)) {
    return {
      kind: 'credentials',
      recovery: 'final',
      hint: 'Check INTERCOM_ACCESS_TOKEN: it is wrong, revoked, or lacks the scope to read users.',
    };
  }
  if (status === 402 || status === 403 || PLAN_CODES.has(code)) {
    return {
      kind: 'credentials',
      recovery: 'final',
      hint: 'The workspace or its plan does not let this token read users.',
    };
  }
  if (status === 429 || RATE_CODES.has(code))
    return { kind: 'source', recovery: 'wait', hint: null };
  // An error list in a 2xx: its code says what the status does not.
  const isHidden = status < 300 && !REQUEST_CODES.has(code);
  const isTemporary = status === 408 || status >= 500 || isHidden;
  return { kind: 'source', recovery: isTemporary ? 'unsure' : 'final', hint: null };
}

const CREDENTIAL_CODES = new Set([
  'token_unauthorized',
  'unauthorized',
  'token_not_found',
  'token_revoked',
  'token_suspended',
  'token_blocked',
  'token_expired',
]);
const PLAN_CODES = new Set(['api_plan_restricted', 'forbidden']);
const REQUEST_CODES = new Set([
  'bad_request',
  'parameter_invalid',
  'parameter_not_found',
  'client_error',
  'not_found',
  'scroll_exists',
]);
const RATE_CODES = new Set(['rate_limit_exceeded', 'too_many_requests']);

/** What the network did, or did not do within `timeoutMs`. Anything else stays what it is: a bug. */
export function explainTransport(
  error: unknown,
  asked: Asked,
  head: AnswerHead,
  timeoutMs: number | null,
): unknown {
  if (!(error instanceof TransportError)) return error;
  const { code, isUnsent } = error;
  const isLate = timeoutMs !== null;
  return new ApiError({
    kind: 'source',
    recovery: isUnsent ? 'unsent' : 'unsure',
    message: isLate
      ? `${nameRequest(asked)} was not answered within ${timeoutMs} ms`
      : `${asked.origin} cannot be reached or broke off (${/^\w{1,64}$/.test(code) ? code : 'unknown'})`,
    hint: isLate
      ? 'INTERCOM_REQUEST_TIMEOUT_MS is the time allowed.'
      : 'Check INTERCOM_BASE_URL and the network.',
    head,
  });
}

/** The address without its query, which may hold an e-mail, and without a user's id. */
export function nameRequest({ origin, path }: Asked): string {
  const named = path.replace(/\?.*$/s, '').replace(/\/users\/(?!scroll$).+$/, '/users/{id}');
  return `GET ${origin}${named}`;
}
