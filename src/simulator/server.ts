import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Answer, errorAnswer } from './answer.ts';
import { type Api, answerCall } from './api.ts';
import * as breakage from './breakage.ts';
import { deliver, pause } from './deliver.ts';
import { defaultFaults, type Faults, RuleBook } from './faults.ts';
import { type Delivery, isDelivery, isRefusal } from './mishaps.ts';
import { type Oddity, oddities } from './oddities.ts';
import { diceFrom } from './random.ts';
import { RateWindows } from './rate.ts';
import { Scrolls } from './scroll.ts';
import { Workspace } from './workspace.ts';

export interface SimulatorOptions {
  /** 0, the default, takes any that is free. */
  port?: number;
  host?: string;
  users?: number;
  seed?: number;
  token?: string;
  appId?: string;
  /** People's dates lie before it; the same seed and anchor make the same people, byte for byte. */
  anchorAt?: Date;
  /** The server's clock: Date header, rate windows, `created_since`, changes, a scroll's life. */
  now?: () => Date;
  latencyMs?: number;
  rateLimitPerWindow?: number;
  /** Which kinds of user that should not be are among the people; true means all kinds. */
  oddities?: boolean | readonly Oddity[];
  faults?: Partial<Faults>;
}

export interface RequestLog {
  /** Counted from 1 through the simulator's life. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly version: string | undefined;
  /** The Authorization header that came, were it right or wrong. */
  readonly authorization: string | undefined;
  readonly authorized: boolean;
  readonly at: Date;
  /** 0 until it is answered. */
  readonly status: number;
}

export interface Simulator {
  readonly url: string;
  readonly workspace: Workspace;
  /** The latest requests, the oldest first. */
  readonly requests: readonly RequestLog[];
  readonly faults: Faults;
  readonly rate: RateWindows;
  /** Runs before the answer is made, so that the table can change between two pages. */
  onRequest(hook: (request: RequestLog) => void | Promise<void>): () => void;
  close(): Promise<void>;
}

const USERS = 1_000;
const RATE_LIMIT_PER_WINDOW = 1_666;
const REQUESTS_KEPT_MAX = 10_000;

/** Everything that one request needs. */
interface Desk {
  api: Api;
  rate: RateWindows;
  rules: RuleBook;
  token: string;
  now: () => Date;
  authorizedCount: number;
  requests: Writable<RequestLog>[];
  requestsCount: number;
  hooks: Set<(request: RequestLog) => void | Promise<void>>;
  stopped: AbortSignal;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const stopping = new AbortController();
  const desk = setUp(options, stopping.signal);
  const server = createServer((request, response) => {
    // A client that went away is its own business: the log of requests tells the tale.
    response.on('error', () => {});
    serve(request, response, desk).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`The simulator failed: ${error instanceof Error ? error.stack : error}`);
    });
  });
  // Longer than any pause of a client, so that it never meets a connection closed under it.
  server.keepAliveTimeout = 120_000;
  const { port = 0, host = '127.0.0.1' } = options;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    workspace: desk.api.workspace,
    requests: desk.requests,
    faults: desk.api.faults,
    rate: desk.rate,
    onRequest: (hook) => {
      desk.hooks.add(hook);
      return () => desk.hooks.delete(hook);
    },
    close: () =>
      new Promise((resolve) => {
        stopping.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function setUp(options: SimulatorOptions, stopped: AbortSignal): Desk {
  const { seed = 1, users = USERS, appId = 'sim00001', now: clock = () => new Date() } = options;
  const faults: Faults = { ...defaultFaults(), ...options.faults };
  if (options.latencyMs !== undefined) faults.latencyMs = options.latencyMs;
  const now = (): Date => new Date(clock().getTime() + faults.clockOffsetMs);
  const people = {
    seed,
    users,
    appId,
    anchorAt: Math.floor((options.anchorAt ?? midnightBefore(clock())).getTime() / 1000),
    leads: Math.floor(users / 50),
    oddities: options.oddities === true ? oddities : options.oddities || [],
  };
  const workspace = new Workspace(people, now);
  const dice = diceFrom(seed);
  return {
    api: { workspace, scrolls: new Scrolls(workspace, faults), faults, appId, dice },
    rate: new RateWindows(options.rateLimitPerWindow ?? RATE_LIMIT_PER_WINDOW, faults, now),
    rules: new RuleBook(),
    token: options.token ?? 'simulator-token',
    now,
    authorizedCount: 0,
    requests: [],
    requestsCount: 0,
    hooks: new Set(),
    stopped,
  };
}

/** So that a simulator that is started again on one day serves the same people. */
function midnightBefore(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse<IncomingMessage>,
  desk: Desk,
): Promise<void> {
  const { faults } = desk.api;
  const target = new URL(`http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`);
  const log = record(request, target, desk);
  for (const hook of [...desk.hooks]) await hook(log);
  await pause(faults.latencyMs, desk.stopped);
  const { answer, delivery } = decide(log, target, desk);
  response.sendDate = false;
  if (!faults.dateAbsent) response.setHeader('Date', desk.now().toUTCString());
  log.status = delivery === 'reset' || delivery === 'freeze' ? 0 : answer.status;
  await deliver(response, answer, delivery, faults, desk.stopped);
}

function record(request: IncomingMessage, target: URL, desk: Desk): Writable<RequestLog> {
  const { authorization } = request.headers;
  const version = request.headers['intercom-version'];
  desk.requestsCount += 1;
  const log = {
    number: desk.requestsCount,
    method: request.method ?? 'GET',
    path: target.pathname,
    query: target.searchParams,
    version: Array.isArray(version) ? version[0] : version,
    authorization,
    authorized: isAuthorized(authorization, desk.token),
    at: desk.now(),
    status: 0,
  };
  desk.requests.push(log);
  if (desk.requests.length > REQUESTS_KEPT_MAX) desk.requests.shift();
  return log;
}

/** A bearer's token, or the token as the user of Basic with no password. */
function isAuthorized(authorization: string | undefined, token: string): boolean {
  const [scheme = '', credentials = ''] = (authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return credentials === token;
  if (scheme.toLowerCase() !== 'basic') return false;
  return Buffer.from(credentials, 'base64').toString('utf8') === `${token}:`;
}

interface Decision {
  answer: Answer;
  delivery?: Delivery;
}

/** In the order in which the API looks: the token, the rate, then the request itself. */
function decide(log: RequestLog, target: URL, desk: Desk): Decision {
  const { api, rate } = desk;
  const { faults } = api;
  const refused = refuseToken(log, desk);
  if (refused !== undefined) return { answer: refused };
  desk.authorizedCount += 1;
  const turn = rate.take();
  if (!turn.isAllowed) {
    const answer = breakage.tooManyRequests(turn.limit, faults);
    return { answer: breakage.withHeaders(answer, turn.headers) };
  }
  const fault = desk.rules.take(faults.rules, log.path, log.query)?.answer;
  if (typeof fault === 'object') return { answer: breakage.custom(fault) };
  if (fault !== undefined && isRefusal(fault)) {
    const isRate = fault === 'status429';
    const headers = isRate ? rate.headers(false) : turn.headers;
    return { answer: breakage.refuse(fault, headers, turn.limit, faults) };
  }
  const { method, version, number } = log;
  const right = answerCall({ method, target, version, now: desk.now(), number }, api);
  const answer = breakage.withHeaders(right, turn.headers);
  if (fault === undefined) return { answer };
  if (isDelivery(fault)) return { answer, delivery: fault };
  return {
    answer: breakage.withHeaders(breakage.lose(fault, right, target, faults), turn.headers),
  };
}

function refuseToken(log: RequestLog, desk: Desk): Answer | undefined {
  const { faults } = desk.api;
  const refuse = (code: string, message: string): Answer =>
    errorAnswer({ status: 401, code, message }, faults);
  const { tokenRevokedAfter } = faults;
  if (log.authorization === undefined) return refuse('unauthorized', 'No access token was sent');
  if (!log.authorized) return refuse('token_unauthorized', 'The access token is not authorised');
  if (tokenRevokedAfter === null || desk.authorizedCount < tokenRevokedAfter) return undefined;
  return refuse('token_revoked', 'The access token was revoked');
}
