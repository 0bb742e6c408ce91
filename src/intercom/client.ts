import { SyncError } from '../errors.ts';
import {
  type AnswerHead,
  ApiError,
  type Asked,
  explainAnswer,
  explainTransport,
  NO_HEAD,
  nameRequest,
} from './faults.ts';
import { type HttpAnswer, type HttpServer, httpGet, serverOf } from './http.ts';
import { cleanJson } from './hygiene.ts';
import { parseOutline } from './outline.ts';
import { type AnswerBody, parseErrorList } from './user.ts';

/** One request to Intercom and what its answer means. */
export interface IntercomClient {
  /**
   * `pathAndQuery` starts with a slash; `read` turns the answer into what was asked for, or into
   * null when it is something else. Throws `ApiError`, or the signal's reason.
   */
  get<T>(pathAndQuery: string, read: Reader<T>, signal: AbortSignal): Promise<Got<T>>;
}

export type Reader<T> = (answer: Answer) => T | null;

export interface Got<T> {
  readonly value: T;
  readonly head: AnswerHead;
}

export interface ClientOptions {
  readonly baseUrl: URL;
  readonly accessToken: string;
  readonly apiVersion: string;
  readonly requestTimeoutMs: number;
}

export interface Answer extends AnswerBody {
  readonly head: AnswerHead;
}

// 60 users with a megabyte of custom attributes each still fit.
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const REDIRECTS_MAX = 3;
const USER_AGENT = 'intercom-sync (+https://www.npmjs.com/package/intercom-sync)';

export function createClient(options: ClientOptions): IntercomClient {
  const server = serverOf(options.baseUrl);
  const basePath = options.baseUrl.pathname.replace(/\/+$/, '');
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${options.accessToken}`,
    'intercom-version': options.apiVersion,
    'user-agent': USER_AGENT,
  };

  return {
    async get<T>(pathAndQuery: string, read: Reader<T>, signal: AbortSignal) {
      const asked = { origin: server.origin, path: basePath + pathAndQuery };
      const call = boundCall(signal, options.requestTimeoutMs);
      let head: AnswerHead = NO_HEAD;
      try {
        const answer = await follow(server, asked.path, headers, call.signal);
        head = readHead(answer);
        return { value: readAnswer(asked, head, await readBody(answer), read), head };
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof SyncError) throw error;
        throw explainTransport(error, asked, head, call.isLate() ? options.requestTimeoutMs : null);
      } finally {
        call.end();
      }
    },
  };
}

/**
 * Ends a call with the signal or when its time is up. By hand: what `AbortSignal.timeout` and `any`
 * make is held for as long as the timeout is, and the signal of a run sees thousands of calls.
 */
function boundCall(signal: AbortSignal, maxMs: number) {
  const call = new AbortController();
  let isLate = false;
  const leave = () => call.abort();
  const timer = setTimeout(() => {
    isLate = true;
    leave();
  }, maxMs);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  return {
    signal: call.signal,
    isLate: () => isLate,
    end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    },
  };
}

/** Follows redirects within the configured origin. The token goes nowhere else. */
async function follow(
  server: HttpServer,
  from: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { origin } = server;
  let path = from;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const answer = await httpGet(server, path, headers, signal);
    const { location } = answer.headers;
    if (answer.status < 300 || answer.status > 399 || location === undefined) return answer;
    answer.discard();
    const here = origin + path;
    const target = new URL(URL.canParse(location, here) ? location : here, here);
    if (target.origin !== origin) {
      throw new ApiError({
        kind: 'source',
        recovery: 'final',
        message: `${origin} redirects to ${target.origin}, which is not the configured origin`,
        hint: 'The access token is sent to INTERCOM_BASE_URL alone. Set it to the right region.',
        head: readHead(answer),
      });
    }
    path = target.pathname + target.search;
  }
  throw new ApiError({
    kind: 'source',
    recovery: 'final',
    message: `${origin} answered with more than ${REDIRECTS_MAX} redirects in a row`,
    hint: 'Check INTERCOM_BASE_URL.',
    head: NO_HEAD,
  });
}

async function readBody(answer: HttpAnswer): Promise<Buffer> {
  const body = await answer.body(BODY_BYTES_MAX);
  if (body) return body;
  throw new ApiError({
    kind: 'source',
    recovery: 'final',
    message: `an answer is longer than ${BODY_BYTES_MAX} bytes`,
    hint: 'Lower INTERCOM_PER_PAGE.',
    head: readHead(answer),
  });
}

function readAnswer<T>(asked: Asked, head: AnswerHead, body: Buffer, read: Reader<T>): T {
  const status = head.status ?? 0;
  const { bytes, replaced } = cleanJson(body);
  const json = parseJson(bytes);
  const fault = parseErrorList(json);
  if (status < 200 || status > 299 || fault !== null) throw explainAnswer(asked, head, fault);
  const value = json === undefined ? null : read({ bytes, json, cleaned: replaced, head });
  if (value !== null) return value;
  const what = json === undefined ? 'text that is not JSON' : 'JSON of another kind';
  throw new ApiError({
    kind: 'source',
    recovery: 'unsure',
    message: `${nameRequest(asked)} was answered ${status} with ${bytes.length === 0 ? 'an empty body' : what}`,
    hint: 'Check that INTERCOM_BASE_URL is an Intercom API.',
    head,
  });
}

function readHead({ status, headers }: HttpAnswer): AnswerHead {
  const text = (name: string): string => String(headers[name] ?? '');
  // Less than nothing is nothing: with calls overdrawn none is left, which is not "not told".
  const whole = (name: string): number | null =>
    /^-?\d{1,12}$/.test(text(name)) ? Math.max(0, Number(text(name))) : null;
  const date = dateOf(text('date'));
  return {
    status,
    date,
    rate: {
      limit: whole('x-ratelimit-limit'),
      remaining: whole('x-ratelimit-remaining'),
      resetSeconds: whole('x-ratelimit-reset'),
      retryAfterSeconds: whole('retry-after') ?? secondsTo(dateOf(text('retry-after')), date),
    },
  };
}

function dateOf(text: string): Date | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : new Date(ms);
}

/** In the clock of whoever answered. A time that is past tells nothing: the clocks disagree. */
function secondsTo(until: Date | null, now: Date | null): number | null {
  const ms = (until?.getTime() ?? 0) - (now?.getTime() ?? Date.now());
  return ms > 0 ? Math.ceil(ms / 1000) : null;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return parseOutline(bytes);
  } catch {
    return undefined;
  }
}
