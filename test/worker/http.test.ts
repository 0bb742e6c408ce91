import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closedPort } from '../support/canned-server.ts';
import { createEmptyDatabase } from '../support/postgres.ts';
import { seedLease, seedReject, seedRuns } from './seeded.ts';
import { HOUR_MS, serveWorker } from './served.ts';
import { silentPostgres } from './silent.ts';

const MINUTE_MS = 60_000;

async function awayDatabase(): Promise<string> {
  return `postgres://somebody:secret@127.0.0.1:${(await closedPort()).port}/nothing`;
}

/** One request as it stands, and all that comes back until the server ends the connection. */
async function talk(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

describe('/healthz', () => {
  test('is alive, whatever the database does', async () => {
    const { get } = await serveWorker({ databaseUrl: await awayDatabase() });
    const answer = await get('/healthz');
    expect([answer.status, await answer.json()]).toEqual([200, { alive: true }]);
  });
});

describe('/readyz', () => {
  const ready = async ({ get }: Awaited<ReturnType<typeof serveWorker>>) => {
    const answer = await get('/readyz');
    return { status: answer.status, body: await answer.json() };
  };

  test('is ready while every success is fresh', async () => {
    const served = await serveWorker({ workspaces: ['acme', 'beta'] });
    await seedRuns(served.databaseUrl, [{ workspace: 'acme' }, { workspace: 'beta' }]);
    expect(await ready(served)).toEqual({
      status: 200,
      body: { ready: true, database: 'answers', migrations: 'current', too_old: [] },
    });
  });

  test('names the workspaces whose success is too old, and only those', async () => {
    const served = await serveWorker({ workspaces: ['acme', 'beta'] });
    await seedRuns(served.databaseUrl, [
      { workspace: 'acme', startedAgoMs: 4 * HOUR_MS },
      { workspace: 'beta' },
    ]);
    expect(await ready(served)).toMatchObject({
      status: 503,
      body: {
        ready: false,
        too_old: [{ workspace: 'acme', stale_after_seconds: 10_800, token_refused: false }],
      },
    });
  });

  test('a worker that has only begun to watch is ready before any run', async () => {
    expect(await ready(await serveWorker())).toMatchObject({ status: 200 });
  });

  test('a workspace that nobody ever read is too old after as long a watch', async () => {
    const served = await serveWorker({ watched: () => ({ staleAfterMs: 0 }) });
    expect(await ready(served)).toMatchObject({
      status: 503,
      body: { too_old: [{ workspace: 'default', last_success_at: null }] },
    });
  });

  test('a first run that goes on for longer than a success may be old is ready', async () => {
    const served = await serveWorker({ watched: () => ({ staleAfterMs: 0 }) });
    await seedRuns(served.databaseUrl, [{ mode: 'full', status: 'running' }]);
    await seedLease(served.databaseUrl);
    expect(await ready(served)).toMatchObject({ status: 200 });
  });

  test('a first run that died is not', async () => {
    const served = await serveWorker({ watched: () => ({ staleAfterMs: 0 }) });
    await seedRuns(served.databaseUrl, [{ mode: 'full', status: 'running' }]);
    expect(await ready(served)).toMatchObject({ status: 503 });
  });

  test('one run after another that fails is not', async () => {
    const served = await serveWorker({ watched: () => ({ staleAfterMs: 0 }) });
    await seedRuns(served.databaseUrl, [{ status: 'failed' }, { status: 'running' }]);
    await seedLease(served.databaseUrl);
    expect(await ready(served)).toMatchObject({ status: 503 });
  });

  test('says that the database is away', async () => {
    const served = await serveWorker({ databaseUrl: await awayDatabase() });
    expect(await ready(served)).toEqual({
      status: 503,
      body: { ready: false, database: 'away', migrations: null, too_old: [] },
    });
  });

  test('says that the tables are not there', async () => {
    const empty = await createEmptyDatabase();
    onTestFinished(() => empty.drop());
    const served = await serveWorker({ databaseUrl: empty.url });
    expect(await ready(served)).toMatchObject({
      status: 503,
      body: { database: 'answers', migrations: 'empty' },
    });
  });
});

describe('/metrics', () => {
  test('tells of a success whichever worker had it', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [{ startedAgoMs: HOUR_MS, tookMs: 10 * MINUTE_MS }]);
    await seedReject(served.databaseUrl, 'sqlstate 22P05', '{}');
    const answer = await served.get('/metrics');
    expect(answer.headers.get('content-type')).toContain('text/plain');
    const text = await answer.text();
    const age = Number(/last_success_age_seconds\{workspace="default"\} (\S+)/.exec(text)?.[1]);
    expect(age).toBeGreaterThanOrEqual(3_000);
    expect(age).toBeLessThan(3_600);
    const lag = Number(/intercom_sync_lag_seconds\{workspace="default"\} (\S+)/.exec(text)?.[1]);
    expect(lag).toBeGreaterThanOrEqual(3_600);
    expect(text).toContain('intercom_sync_open_rejects{workspace="default"} 1');
    expect(text).toContain('intercom_sync_users{workspace="default"} 1000');
    expect(text).toContain('intercom_sync_database_up 1');
    expect(text).not.toMatch(/^intercom_sync_run_age_seconds/m);
  });

  test('tells how long the run is on', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [{ status: 'running', startedAgoMs: HOUR_MS }]);
    await seedLease(served.databaseUrl);
    const text = await (await served.get('/metrics')).text();
    expect(Number(/run_age_seconds\{workspace="default"\} (\S+)/.exec(text)?.[1])).toBeGreaterThan(
      3_599,
    );
  });

  test('is there while the database is away, and says so', async () => {
    const served = await serveWorker({ databaseUrl: await awayDatabase() });
    served.metrics.leaseLost('default');
    const answer = await served.get('/metrics');
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(text).toContain('intercom_sync_database_up 0');
    expect(text).toContain('intercom_sync_leases_lost_total{workspace="default"} 1');
  });
});

describe('every answer', () => {
  const paths = ['/', '/healthz', '/readyz', '/metrics', '/workspaces/default', '/nowhere', '/%zz'];

  test('is kept by nobody and runs no script', async () => {
    const { get } = await serveWorker();
    for (const path of paths) {
      const { headers } = await get(path);
      expect(headers.get('cache-control'), path).toBe('no-store');
      const policy = headers.get('content-security-policy');
      expect(policy, path).toMatch(/^default-src 'none'; style-src 'sha256-/);
      expect(policy, path).not.toMatch(/unsafe|script|https?:/);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('referrer-policy'), path).toBe('no-referrer');
      expect(headers.get('x-frame-options'), path).toBe('DENY');
    }
  });

  test('to HEAD has the same status and no body', async () => {
    const { get } = await serveWorker();
    for (const path of paths) {
      const answer = await get(path, { method: 'HEAD' });
      expect(answer.status, path).toBe((await get(path)).status);
      expect(await answer.text(), path).toBe('');
    }
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('to %s is no', async (method) => {
    const { get } = await serveWorker({ databaseUrl: await awayDatabase() });
    const answer = await get('/', { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('is without secret and without personal datum', async () => {
    const { get, databaseUrl } = await serveWorker();
    await seedRuns(databaseUrl, [{ rejected: 1 }]);
    await seedReject(databaseUrl, 'sqlstate 22P05', '{"email":"ada@example.com"}');
    const password = new URL(databaseUrl).password;
    for (const path of paths) {
      const text = await (await get(path)).text();
      expect(text).not.toContain('ada@example.com');
      expect(text).not.toContain('postgres://');
      if (password !== '') expect(text).not.toContain(password);
    }
  });

  test('is so while the database is away, too', async () => {
    const { get } = await serveWorker({ databaseUrl: await awayDatabase() });
    for (const path of paths) expect(await (await get(path)).text()).not.toMatch(/somebody|secret/);
  });

  test('to an address that is none is 400, to one that is not served 404', async () => {
    const { get } = await serveWorker({ databaseUrl: await awayDatabase() });
    expect((await get('/%zz')).status).toBe(400);
    expect((await get('/nowhere')).status).toBe(404);
    expect((await get('/workspaces/nobody')).status).toBe(404);
  });
});

describe('the name that is asked for', () => {
  const asked = (host: string) =>
    `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

  test.each(['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'page.localhost'])(
    '%s is this machine',
    async (host) => {
      const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
      expect(await talk(http.url, asked(host))).toMatch(/^HTTP\/1.1 200 /);
    },
  );

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
    '%s is somebody else’s page that reads along',
    async (host) => {
      const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
      expect(await talk(http.url, asked(host))).toMatch(/^HTTP\/1.1 421 /);
    },
  );

  test('is anybody’s where the page is opened to a network', async () => {
    const { http } = await serveWorker({ databaseUrl: await awayDatabase(), host: '0.0.0.0' });
    expect(await talk(http.url, asked('worker.internal.example'))).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe('a request without bounds', () => {
  test('with a body is not read', async () => {
    const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
    const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000\r\n\r\n';
    expect(await talk(http.url, request)).toMatch(/^HTTP\/1.1 413 /);
  });

  test('with a body in pieces is not read either', async () => {
    const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
    const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await talk(http.url, request)).toMatch(/^HTTP\/1.1 413 /);
  });

  test('with headers without end is refused', async () => {
    const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
    const request = `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`;
    expect(await talk(http.url, request)).toMatch(/^HTTP\/1.1 431 /);
  });

  test('that never ends its headers is ended', async () => {
    const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
    expect(await talk(http.url, 'GET / HTTP/1.1\r\nHost: local')).toMatch(/^HTTP\/1.1 408 /);
  });
});

describe('close', () => {
  test('ends with connections that are kept alive', async () => {
    const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
    const socket = connect(Number(new URL(http.url).port), '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    const ended = once(socket, 'close');
    await http.close();
    await ended;
  });

  test('waits for no answer that is still to come', async () => {
    const silent = await silentPostgres();
    const { http, get } = await serveWorker({ databaseUrl: silent.url, closeMaxMs: 0 });
    const answer = get('/readyz').then(
      ({ status }) => status,
      () => 'cut off',
    );
    await silent.connected;
    await http.close();
    expect(await answer).toBe('cut off');
  });
});

test('a bug is told as an event, and to whoever asked as nothing', async () => {
  const served = await serveWorker({
    databaseUrl: await awayDatabase(),
    watched: () => ({
      isRefused: () => {
        throw new Error('secret of the inside');
      },
    }),
  });
  const answer = await served.get('/metrics');
  expect([answer.status, await answer.text()]).toEqual([
    500,
    'this did not work; the log says more\n',
  ]);
  expect(served.events).toEqual(['http_failed']);
});

test('a port that is taken is a setting to correct', async () => {
  const { http } = await serveWorker({ databaseUrl: await awayDatabase() });
  const second = serveWorker({
    databaseUrl: await awayDatabase(),
    port: Number(new URL(http.url).port),
  });
  await expect(second).rejects.toMatchObject({
    kind: 'settings',
    message: expect.stringContaining('EADDRINUSE'),
  });
});
