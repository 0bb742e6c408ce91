/**
 * An Intercom that costs next to nothing: it answers with bytes that were made before. A process of
 * its own; it prints its address, serves until its stdin ends, then prints what it has seen.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answers, type AnswersOptions, makeAnswers } from './answers.ts';
import { openWindows, type WindowSeen } from './windows.ts';

export interface ServerOptions extends AnswersOptions {
  readonly latencyMs: number;
  /** Calls in a window of ten seconds, and those of them that another client makes. */
  readonly rateLimit: number;
  readonly othersTake: number;
}

export interface ServerSeen {
  readonly calls: number;
  readonly windows: readonly WindowSeen[];
}

/** As long as the client may want to keep a connection. */
const KEEP_ALIVE_MS = 65_000;
const REFUSED = errorBody('rate_limit_exceeded', 'Exceeded rate limit');
const NOT_FOUND = errorBody('not_found', 'User Not Found');

await serve(JSON.parse(process.argv[2] ?? '{}') as ServerOptions);

async function serve(options: ServerOptions): Promise<void> {
  const windows = openWindows(options.rateLimit, options.othersTake);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const find = createFinder(makeAnswers(options, origin));
  let calls = 0;
  server.on('request', (request, response) => {
    calls += 1;
    const { isAllowed, headers } = windows.take();
    const body = isAllowed ? find(request.url ?? '') : REFUSED;
    const status = isAllowed ? (body === null ? 404 : 200) : 429;
    const answer = () => send(response, status, headers, body ?? NOT_FOUND);
    if (options.latencyMs === 0) answer();
    else setTimeout(answer, options.latencyMs);
  });
  process.stdout.write(`${origin}\n`);
  for await (const _ of process.stdin);
  server.closeAllConnections();
  server.close();
  const seen: ServerSeen = { calls, windows: windows.seen };
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

/** What is asked for by path and query; null: no such user. */
function createFinder(answers: Answers): (target: string) => Buffer | null {
  let scrolled = 0;
  return (target) => {
    const { pathname, searchParams } = new URL(target, 'http://api');
    if (pathname === '/me') return answers.me;
    if (pathname === '/users/scroll') {
      scrolled = searchParams.has('scroll_param') ? scrolled + 1 : 0;
      return answers.scroll(scrolled);
    }
    if (pathname !== '/users') return answers.user(pathname.slice('/users/'.length));
    if (searchParams.has('created_since')) return answers.nobody;
    return answers.list(Number(searchParams.get('page') ?? 1));
  };
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    ...headers,
  });
  response.end(body);
}

function errorBody(code: string, message: string): Buffer {
  return Buffer.from(JSON.stringify({ type: 'error.list', errors: [{ code, message }] }));
}
