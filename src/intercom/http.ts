import http, {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import https from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/**
 * One GET over HTTP: no redirect is followed, nothing is sent again. By Node's own HTTP and not by its
 * fetch, whose streams and weak references cost a user of a page as much as parsing it does.
 */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All of it, decompressed; null if it is longer. Throws `TransportError`. */
  body(bytesMax: number): Promise<Buffer | null>;
  /** Lets go of an answer whose body is of no use. */
  discard(): void;
}

/** What the network did. Its message is the code alone: Node's own can hold more. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: string;
  /** There was no connection yet, so the request never left. */
  readonly isUnsent: boolean;

  constructor(cause: unknown, isUnsent: boolean) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    super(code);
    this.code = code;
    this.isUnsent = isUnsent;
  }
}

class ConnectTimeout extends Error {
  readonly code = 'CONNECT_TIMEOUT';
}

/** Where requests go. */
export interface HttpServer {
  readonly origin: string;
  readonly options: https.RequestOptions;
}

/** So that a URL is taken apart once, and not for each request. */
export function serverOf(url: URL): HttpServer {
  const { protocol, hostname, port } = urlToHttpOptions(url);
  return { origin: url.origin, options: { protocol, hostname, port } };
}

// A firewall that drops what it does not like would else cost the whole time of a request.
const CONNECT_MAX_MS = 10_000;

/** Answers as soon as the head is there. Throws `TransportError`, also where the signal ends it. */
export async function httpGet(
  { options }: HttpServer,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const isSecure = options.protocol === 'https:';
  const request = (isSecure ? https : http).get({
    ...options,
    path,
    headers: { ...headers, 'accept-encoding': 'gzip' },
  });
  // The option `signal` does as much, by way of all the events of a stream.
  const leave = () => request.destroy();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  let isUnsent = true;
  request.once('socket', (socket) => {
    const connected = () => {
      isUnsent = false;
    };
    if (!socket.connecting) return connected();
    const timer = setTimeout(() => request.destroy(new ConnectTimeout()), CONNECT_MAX_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.once('connect', () => clearTimeout(timer));
    socket.once(isSecure ? 'secureConnect' : 'connect', connected);
  });
  try {
    const response = await headOf(request);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: (bytesMax) => readBody(response, bytesMax),
      discard: () => void response.destroy(),
    };
  } catch (error) {
    throw new TransportError(error, isUnsent);
  }
}

/** The listeners stay: what fails later is told by the body, and must not end the process. */
function headOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    request.on('close', () => reject(new Error('closed without an answer')));
  });
}

async function readBody(response: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  try {
    const sent = await collect(response, bytesMax);
    const isGzip = /^(x-)?gzip$/i.test(response.headers['content-encoding'] ?? '');
    // An error without a body may bear the header all the same.
    if (!isGzip || !sent?.length) return sent;
    return await promisify(gunzip)(sent, { maxOutputLength: bytesMax });
  } catch (error) {
    const fault = new TransportError(error, false);
    if (fault.code === 'ERR_BUFFER_TOO_LARGE') return null;
    throw fault;
  }
}

/** By events: an iterator is ten times as long about the few chunks of a page. */
function collect(response: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= bytesMax) return;
      resolve(null);
      response.destroy();
    });
    response.on('end', () => resolve(Buffer.concat(chunks, bytes)));
    response.on('error', reject);
  });
}
