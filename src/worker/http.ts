import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { describeError, SyncError, whereOf } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import type { EventLog } from '../sync/report.ts';
import { addPages } from './http-pages.ts';
import { addProbes } from './http-probes.ts';
import { createReadings } from './http-readings.ts';
import type { Metrics } from './metrics.ts';
import { CONTENT_SECURITY_POLICY } from './page/layout.ts';
import type { WatchedWorkspace } from './watched.ts';

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly database: Database;
  readonly workspaces: readonly WatchedWorkspace[];
  readonly metrics: Metrics;
  readonly log: EventLog;
}

export interface HttpServer {
  readonly url: string;
  /** Takes no longer than `CLOSE_MAX_MS`, whoever is still connected or waits for an answer. */
  close(): Promise<void>;
}

// Whoever asks this program is near, and asks for little.
const HEADERS_MAX_BYTES = 8_192;
const HEADERS_MAX_MS = 5_000;
const REQUEST_MAX_MS = 10_000;
const SILENT_CONNECTION_MAX_MS = 15_000;
const KEEP_ALIVE_MAX_MS = 5_000;
const BOUNDS_CHECKED_EVERY_MS = 1_000;
const CONNECTIONS_MAX = 100;
const BODY_MAX_BYTES = 1;
const CLOSE_MAX_MS = 2_000;

/** Health, metrics and the status page: a way to look, and no way to change anything. */
export async function startHttp(
  options: HttpOptions,
  closeMaxMs: number = CLOSE_MAX_MS,
): Promise<HttpServer> {
  const { host, port, log } = options;
  const app = Fastify({
    logger: false,
    forceCloseConnections: 'idle',
    connectionTimeout: SILENT_CONNECTION_MAX_MS,
    keepAliveTimeout: KEEP_ALIVE_MAX_MS,
    requestTimeout: REQUEST_MAX_MS,
    bodyLimit: BODY_MAX_BYTES,
    http: {
      maxHeaderSize: HEADERS_MAX_BYTES,
      headersTimeout: HEADERS_MAX_MS,
      connectionsCheckingInterval: BOUNDS_CHECKED_EVERY_MS,
    },
    frameworkErrors: (_error, _request, reply) => refuse(reply, 400, 'this is no address'),
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  guard(app, isLoopback(host));
  app.setErrorHandler((error, _request, reply) => {
    log.error('http_failed', { error_kind: describeError(error).kind, ...whereOf(error) });
    return refuse(reply, 500, 'this did not work; the log says more');
  });
  const names = options.workspaces.map(({ name }) => name);
  const startedMs = performance.now();
  const parts = {
    ...options,
    readings: createReadings(options.database, names),
    watchedMs: () => performance.now() - startedMs,
  };
  addProbes(app, parts);
  addPages(app, parts);
  return { url: await listen(app, host, port), close: () => closeWithin(app, closeMaxMs) };
}

/** What holds for every request, before anything is done for it. */
function guard(app: FastifyInstance, isForThisMachine: boolean): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(reply.header('allow', 'GET, HEAD'), 405, 'this only shows, it changes nothing');
    }
    if (hasBody(request)) return refuse(reply, 413, 'a question has no body');
    if (isForThisMachine && !isNameOfThisMachine(request.headers.host)) {
      return refuse(reply, 421, 'ask for this by the name localhost');
    }
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.headers(SAFE_HEADERS);
  });
}

const SAFE_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Ends the connection too: what else comes over it is not worth reading. */
function refuse(reply: FastifyReply, status: number, why: string): FastifyReply {
  return reply
    .code(status)
    .headers({ ...SAFE_HEADERS, connection: 'close' })
    .type('text/plain; charset=utf-8')
    .send(`${why}\n`);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

/**
 * A page of somebody else's that is open in a browser on this machine can give its own name this
 * machine's address, and read along. It cannot choose the name that the browser then asks for.
 */
function isNameOfThisMachine(hostHeader: string | undefined): boolean {
  const host = (hostHeader ?? 'localhost').replace(/:\d{1,5}$/, '');
  return isLoopback(host) || /\.localhost$/i.test(host);
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new SyncError(
      'settings',
      `the address in HTTP_HOST and HTTP_PORT cannot be listened on (${code})`,
      code === 'EADDRINUSE' ? 'something else listens there: choose another HTTP_PORT' : null,
    );
  }
}

async function closeWithin(app: FastifyInstance, maxMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), maxMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
