import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A real HTTP server on loopback that says what a test tells it to, and remembers what it heard. */
export interface CannedServer {
  readonly url: URL;
  readonly requests: readonly CannedRequest[];
  /** Resolves once this many requests have come. */
  heard(requests: number): Promise<void>;
}

export interface CannedRequest {
  /** Path and query, as they came. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

export interface CannedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes go out as they are, anything else as JSON. */
  readonly body?: unknown;
}

/** An answer, or a function that writes to the socket by itself. */
export type Reply = CannedAnswer | ((response: ServerResponse) => void);

export type Answerer = (request: CannedRequest, index: number) => Reply | Promise<Reply>;

/** Serves until the test is over. */
export async function serve(answer: Answerer): Promise<CannedServer> {
  const requests: CannedRequest[] = [];
  const listeners = new Set<() => void>();
  const server = createServer(async (incoming, response) => {
    const path = incoming.url ?? '';
    const query = new URLSearchParams(path.split('?')[1]);
    const request = { path, query, headers: incoming.headers };
    requests.push(request);
    for (const listener of listeners) listener();
    send(response, await answer(request, requests.length - 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    heard: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (requests.length < count) return;
          listeners.delete(check);
          resolve();
        };
        listeners.add(check);
        check();
      }),
  };
}

function send(response: ServerResponse, reply: Reply): void {
  if (typeof reply === 'function') {
    reply(response);
    return;
  }
  const { status = 200, headers = {}, body = '' } = reply;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(isRaw ? body : JSON.stringify(body));
}

/** Answers one after another; the last one for every request that follows. */
export function inTurn(...replies: readonly [Reply, ...Reply[]]): Answerer {
  return (_, index) => replies[Math.min(index, replies.length - 1)] as Reply;
}

export function errorList(code: string, message = 'no'): object {
  return { type: 'error.list', request_id: 'req-1', errors: [{ code, message }] };
}

/** An address on which nothing listens. */
export async function closedPort(): Promise<URL> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return new URL(`http://127.0.0.1:${port}`);
}
