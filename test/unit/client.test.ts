import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { type ClientOptions, createClient } from '../../src/intercom/client.ts';
import type { ApiError } from '../../src/intercom/faults.ts';
import {
  type CannedServer,
  closedPort,
  errorList,
  inTurn,
  type Reply,
  serve,
} from '../support/canned-server.ts';

const TOKEN = 'dG9rOnNlY3JldA==';
const EMAIL = 'ada@example.com';
const ID = '5cc2a7b93e1f4d0a6b8c9d01';

function open(url: URL, options: Partial<ClientOptions> = {}) {
  const client = createClient({
    baseUrl: url,
    accessToken: TOKEN,
    apiVersion: '1.4',
    requestTimeoutMs: 5_000,
    ...options,
  });
  const never = new AbortController().signal;
  return (path = '/users', signal = never) =>
    client.get(path, ({ json }) => (json === null ? null : { json }), signal);
}

/** What the request failed with; also proves that it names nothing that is secret or personal. */
async function failure(ask: ReturnType<typeof open>, path = '/users'): Promise<ApiError> {
  const error = await ask(path).then(
    () => expect.fail('it was answered'),
    (thrown: unknown) => thrown as ApiError,
  );
  const told = `${error.message} ${error.hint} ${error.stack}`;
  for (const secret of [TOKEN, EMAIL, encodeURIComponent(EMAIL), ID]) {
    expect(told).not.toContain(secret);
  }
  return error;
}

describe('a request', () => {
  test('always carries the token and the version', async () => {
    const server = await serve(() => ({ body: { fine: true } }));
    await open(server.url)('/users?page=2&email=ada%40example.com');
    expect(server.requests[0]?.path).toBe('/users?page=2&email=ada%40example.com');
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'intercom-version': '1.4',
      accept: 'application/json',
    });
  });

  test.each(['/', '/proxy', '/proxy/', '//elsewhere.example.com', '//elsewhere.example.com/'])(
    'goes to the configured origin, under the path %s',
    async (path) => {
      const server = await serve(() => ({ body: {} }));
      const url = new URL(server.url);
      url.pathname = path;
      await open(url)('/users?page=1');
      expect(server.requests[0]?.path).toBe(`${path.replace(/\/+$/, '')}/users?page=1`);
    },
  );
});

describe('an answer', () => {
  test('is its JSON, and what its headers tell', async () => {
    const server = await serve(() => ({
      headers: {
        date: 'Tue, 23 Apr 2019 06:15:00 GMT',
        'x-ratelimit-limit': '83',
        'x-ratelimit-remaining': '82',
        'x-ratelimit-reset': '1556000110',
        'retry-after': '3',
      },
      body: { fine: true },
    }));
    expect(await open(server.url)()).toEqual({
      value: { json: { fine: true } },
      head: {
        status: 200,
        date: new Date('2019-04-23T06:15:00Z'),
        rate: { limit: 83, remaining: 82, resetSeconds: 1_556_000_110, retryAfterSeconds: 3 },
      },
    });
  });

  test('may tell nothing in its headers, or nonsense', async () => {
    const server = await serve(() => ({
      headers: { date: 'yesterday', 'x-ratelimit-limit': 'many', 'x-ratelimit-reset': '' },
      body: {},
    }));
    expect((await open(server.url)()).head).toEqual({
      status: 200,
      date: null,
      rate: { limit: null, remaining: null, resetSeconds: null, retryAfterSeconds: null },
    });
  });

  test('is read across chunks that part a character, without its byte order mark', async () => {
    const bytes = Buffer.from('\ufeff{"name":"Zoë 😀"}');
    const server = await serve(() => (response: ServerResponse) => {
      const write = (at: number) => {
        if (at === bytes.length) response.end();
        else response.write(bytes.subarray(at, at + 1), () => write(at + 1));
      };
      write(0);
    });
    expect((await open(server.url)()).value).toEqual({ json: { name: 'Zoë 😀' } });
  });
});

type Meaning = [kind: string, recovery: string, exitCode: number];
const FINAL: Meaning = ['source', 'final', 4];
const WAIT: Meaning = ['source', 'wait', 4];
const UNSURE: Meaning = ['source', 'unsure', 4];
const CREDENTIALS: Meaning = ['credentials', 'final', 3];
const SETTINGS: Meaning = ['settings', 'final', 2];

describe('a status and a code', () => {
  const table: [number, string, Meaning][] = [
    [400, 'bad_request', FINAL],
    [400, 'parameter_invalid', FINAL],
    [400, 'client_error', FINAL],
    [400, 'scroll_exists', FINAL],
    [400, 'intercom_version_invalid', SETTINGS],
    [401, 'token_unauthorized', CREDENTIALS],
    [401, 'unauthorized', CREDENTIALS],
    [401, 'token_not_found', CREDENTIALS],
    [401, 'token_revoked', CREDENTIALS],
    [401, 'token_suspended', CREDENTIALS],
    [401, 'something_new', CREDENTIALS],
    [402, 'api_plan_restricted', CREDENTIALS],
    [403, 'api_plan_restricted', CREDENTIALS],
    [403, 'forbidden', CREDENTIALS],
    [404, 'not_found', FINAL],
    [405, 'method_not_allowed', FINAL],
    [422, 'unprocessable', FINAL],
    [408, 'request_timeout', UNSURE],
    [429, 'rate_limit_exceeded', WAIT],
    [429, 'too_many_requests', WAIT],
    [429, 'something_new', WAIT],
    [500, 'server_error', UNSURE],
    [502, 'server_error', UNSURE],
    [503, 'service_unavailable', UNSURE],
    [504, 'server_error', UNSURE],
    [520, 'something_new', UNSURE],
    // An error.list may come with a status of success: then the code tells.
    [200, 'server_error', UNSURE],
    [200, 'something_new', UNSURE],
    [200, 'bad_request', FINAL],
    [200, 'parameter_invalid', FINAL],
    [200, 'not_found', FINAL],
    [200, 'scroll_exists', FINAL],
    [200, 'rate_limit_exceeded', WAIT],
    [200, 'token_revoked', CREDENTIALS],
    [200, 'unauthorized', CREDENTIALS],
    [200, 'api_plan_restricted', CREDENTIALS],
    [200, 'intercom_version_invalid', SETTINGS],
  ];

  test.each(table)('%i %s is %o', async (status, code, [kind, recovery, exitCode]) => {
    const server = await serve(() => ({ status, body: errorList(code, `no ${EMAIL} ${TOKEN}`) }));
    const error = await failure(open(server.url), `/users?email=${encodeURIComponent(EMAIL)}`);
    expect(error).toMatchObject({ kind, recovery, exitCode, code });
    expect(error.message).toContain(`${status} ${code}`);
    expect(error.message).toContain('req-1');
    expect(error.head.status).toBe(status);
  });

  test.each(table)(
    '%i %s is the same where the code is called type',
    async (status, type, [kind, recovery]) => {
      const body = { type: 'error.list', errors: [{ type, message: 'no' }] };
      const server = await serve(() => ({ status, body }));
      expect(await failure(open(server.url))).toMatchObject({ kind, recovery, code: type });
    },
  );

  test('of the wrong version names the setting, and where 2.x users are', async () => {
    const server = await serve(() => ({
      status: 400,
      body: errorList('intercom_version_invalid'),
    }));
    const { hint } = await failure(open(server.url));
    expect(hint).toContain('INTERCOM_API_VERSION');
    expect(hint).toContain('Contacts source');
  });

  test.each([
    ['null', 'null'],
    ['nothing', ''],
    ['HTML', '<html><h1>Sorry</h1></html>'],
    ['half of a JSON text', '{"type":"error.li'],
    ['a list of errors without errors', { type: 'error.list', request_id: null, errors: [] }],
    ['an error without a code', { type: 'error.list', errors: [{}] }],
  ])('with a body of %s is judged by the status', async (_, body) => {
    for (const [status, [kind, recovery]] of [
      [500, UNSURE],
      [503, UNSURE],
      [429, WAIT],
      [401, CREDENTIALS],
      [403, CREDENTIALS],
      [404, FINAL],
      [400, FINAL],
    ] as const) {
      const server = await serve(() => ({ status, body }));
      const error = await failure(open(server.url));
      expect(error).toMatchObject({ kind, recovery, code: null });
    }
  });

  test('is named only where it looks like one: else it may be anything', async () => {
    const body = { type: 'error.list', request_id: EMAIL, errors: [{ code: `user ${EMAIL}` }] };
    const server = await serve(() => ({ status: 400, body }));
    const { message } = await failure(open(server.url), `/users/${ID}`);
    expect(message).toBe(`GET ${server.url.origin}/users/{id} was answered 400`);
  });
});

describe('a 200 is no answer', () => {
  test.each([
    ['when it is empty', ''],
    ['when it is not JSON', '<html>captive portal</html>'],
    ['when it is cut short', '{"users":['],
    ['when it is JSON of another kind', 'null'],
  ])('%s', async (_, body) => {
    const server = await serve(() => ({ body }));
    expect(await failure(open(server.url))).toMatchObject({ kind: 'source', recovery: 'unsure' });
  });
});

describe('a connection', () => {
  const openBody = (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': '100000' });
    response.write('{"users":[');
  };
  const broken: [string, Reply][] = [
    ['before its headers', (response) => void response.destroy()],
    [
      'inside of its body',
      (response) => response.writeHead(200).write('{"us', () => response.destroy()),
    ],
    [
      'short of its length',
      (response) => response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}'),
    ],
    ['with what is no HTTP', (response) => response.socket?.end('SSH-2.0-none\r\n')],
  ];

  test.each(broken)('that breaks %s may have been answered', async (_, reply) => {
    const server = await serve(() => reply);
    expect(await failure(open(server.url))).toMatchObject({ kind: 'source', recovery: 'unsure' });
  });

  test('that is refused was never answered', async () => {
    const error = await failure(open(await closedPort()));
    expect(error).toMatchObject({ kind: 'source', recovery: 'unsent', exitCode: 4 });
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.hint).toContain('INTERCOM_BASE_URL');
  });

  test('that says nothing is given up', async () => {
    const server = await serve(() => () => {});
    const error = await failure(open(server.url, { requestTimeoutMs: 150 }));
    expect(error).toMatchObject({ kind: 'source', recovery: 'unsure' });
    expect(error.message).toContain('150 ms');
    expect(error.hint).toContain('INTERCOM_REQUEST_TIMEOUT_MS');
  });

  test('that drips its body for longer than a request may take is given up', async () => {
    const server = await serve(() => (response: ServerResponse) => {
      openBody(response);
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    });
    const error = await failure(open(server.url, { requestTimeoutMs: 300 }));
    expect(error).toMatchObject({ recovery: 'unsure', head: { status: 200 } });
    expect(error.message).toContain('300 ms');
  });

  test('that never stops sending is given up at 64 MiB', async () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    const server = await serve(() => (response: ServerResponse) => {
      const more = () => {
        sent += 1;
        response.write(chunk, (error) => error ?? more());
      };
      more();
    });
    const error = await failure(open(server.url, { requestTimeoutMs: 60_000 }));
    expect(error).toMatchObject({ kind: 'source', recovery: 'final' });
    expect(error.message).toContain('67108864 bytes');
    expect(sent).toBeGreaterThanOrEqual(64);
  });

  test('is left at once when the run is stopped, with the reason of the stop', async () => {
    for (const reply of [() => {}, openBody]) {
      const server = await serve(() => reply);
      const stop = new AbortController();
      const ask = open(server.url, { requestTimeoutMs: 600_000 });
      const stopped = expect(ask('/users', stop.signal)).rejects.toBe('stop');
      await server.heard(1);
      stop.abort('stop');
      await stopped;
    }
  });
});

describe('a redirect', () => {
  const to = (location: string, status = 302): Reply => ({ status, headers: { location } });

  test.each([301, 302, 303, 307, 308])('with %i within the origin is followed', async (status) => {
    const server = await serve(inTurn(to('/v1/users?page=1', status), { body: { fine: true } }));
    expect((await open(server.url)()).value).toEqual({ json: { fine: true } });
    expect(server.requests[1]?.path).toBe('/v1/users?page=1');
    expect(server.requests[1]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'intercom-version': '1.4',
    });
  });

  test('to another origin is refused, and the token is not sent there', async () => {
    const thief = await serve(() => ({ body: { fine: true } }));
    const elsewhere = [
      `${thief.url.origin}/users`,
      `//${thief.url.host}/users`,
      `http://localhost:${thief.url.port}/users`,
    ];
    for (const location of elsewhere) {
      const server = await serve(() => to(location));
      const error = await failure(open(server.url));
      expect(error).toMatchObject({ kind: 'source', recovery: 'final', exitCode: 4 });
      expect(error.message).toContain('not the configured origin');
    }
    expect(thief.requests).toEqual([]);
  });

  test('to another origin is refused behind one within it, too', async () => {
    const thief = await serve(() => ({ body: {} }));
    const server = await serve(inTurn(to('/again'), to(thief.url.href)));
    await failure(open(server.url));
    expect(thief.requests).toEqual([]);
  });

  test('to another scheme, or to none, is refused', async () => {
    for (const location of ['https://127.0.0.1/users', 'data:application/json,{}', 'file:///etc']) {
      const server = await serve(() => to(location));
      expect(await failure(open(server.url))).toMatchObject({ recovery: 'final' });
    }
  });

  test('in a circle ends', async () => {
    const server: CannedServer = await serve(() => to('/users'));
    expect(await failure(open(server.url))).toMatchObject({ kind: 'source', recovery: 'final' });
    expect(server.requests).toHaveLength(4);
  });

  test('that names a personal datum is not repeated in words', async () => {
    const server = await serve(() => to(`https://example.org/users?email=${EMAIL}&t=${TOKEN}`));
    expect((await failure(open(server.url))).message).toContain('https://example.org,');
  });
});
