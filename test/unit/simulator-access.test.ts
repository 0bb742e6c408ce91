import { describe, expect, test } from 'vitest';
import type { RequestLog } from '../../src/simulator/server.ts';
import { credentials, open, stoppedClock, visit } from './simulator-visit.ts';

const { authorization } = credentials;

function basic(credential: string): string {
  return `Basic ${Buffer.from(credential).toString('base64')}`;
}

describe('tokens', () => {
  test('are taken as a bearer and as the user of Basic', async () => {
    const simulator = await open({ token: 'dG9rOmVu=' });
    for (const sent of ['Bearer dG9rOmVu=', 'bearer dG9rOmVu=', basic('dG9rOmVu=:')]) {
      const { status } = await visit(simulator, '/users', { authorization: sent });
      expect({ sent, status }).toEqual({ sent, status: 200 });
    }
  });

  test('that are wrong or missing get 401 and no rate headers', async () => {
    const simulator = await open();
    const wrong = ['Bearer other', basic('simulator-token:password'), basic('other:'), 'Digest x'];
    for (const sent of wrong) {
      const { status, errors, headers } = await visit(simulator, '/users', { authorization: sent });
      expect({ sent, status }).toEqual({ sent, status: 401 });
      expect(errors[0]?.code).toBe('token_unauthorized');
      expect(headers.has('x-ratelimit-limit')).toBe(false);
    }
    const { status, errors, headers } = await visit(simulator, '/users', {});
    expect(status).toBe(401);
    expect(errors[0]?.code).toBe('unauthorized');
    expect(headers.has('x-ratelimit-reset')).toBe(false);
    expect(simulator.requests.map((request) => request.authorized)).toEqual(Array(5).fill(false));
  });

  test('can be revoked midway', async () => {
    const simulator = await open({ faults: { tokenRevokedAfter: 2 } });
    expect((await visit(simulator, '/users')).status).toBe(200);
    expect((await visit(simulator, '/users')).status).toBe(200);
    const { status, errors, headers } = await visit(simulator, '/users');
    expect(status).toBe(401);
    expect(errors[0]?.code).toBe('token_revoked');
    expect(headers.has('x-ratelimit-limit')).toBe(false);
  });
});

describe('versions', () => {
  const refusal = {
    code: 'intercom_version_invalid',
    message: 'Requested resource is not available in current API version',
  };

  test.each(['1.0', '1.1', '1.2', '1.3', '1.4'])('%s serves users', async (version) => {
    const simulator = await open();
    const headers = { authorization, 'intercom-version': version };
    expect((await visit(simulator, '/users', headers)).status).toBe(200);
    expect(simulator.requests[0]?.version).toBe(version);
  });

  test.each(['2.0', '2.16'])('%s refuses users and serves /me', async (version) => {
    const simulator = await open();
    const headers = { authorization, 'intercom-version': version };
    for (const path of ['/users', '/users/scroll', '/users/x']) {
      const { status, errors } = await visit(simulator, path, headers);
      expect({ path, status }).toEqual({ path, status: 400 });
      expect(errors[0]).toEqual(refusal);
    }
    expect((await visit(simulator, '/me', headers)).status).toBe(200);
  });

  test('are the setting of the app when the header is absent', async () => {
    const simulator = await open();
    expect((await visit(simulator, '/users', { authorization })).status).toBe(200);
    simulator.faults.versionWithoutHeader = '2.11';
    expect((await visit(simulator, '/users', { authorization })).errors[0]).toEqual(refusal);
    expect((await visit(simulator, '/users')).status).toBe(200);
  });

  test('that do not exist are refused, and any can be', async () => {
    const simulator = await open();
    const headers = { authorization, 'intercom-version': '1.5' };
    const { status, errors } = await visit(simulator, '/me', headers);
    expect(status).toBe(400);
    expect(errors[0]?.code).toBe('intercom_version_invalid');
    simulator.faults.versionRefused = true;
    expect((await visit(simulator, '/users')).errors[0]).toEqual(refusal);
  });
});

describe('GET /me', () => {
  test('answers the admin and the app', async () => {
    const simulator = await open({ appId: 'abc123' });
    const { status, page, headers } = await visit(simulator, '/me');
    expect(status).toBe(200);
    expect(page).toMatchObject({ type: 'admin', app: { type: 'app', id_code: 'abc123' } });
    expect(headers.get('x-ratelimit-limit')).toBe('1666');
    expect((await visit(simulator, '/users')).page.users[0]?.app_id).toBe('abc123');
  });

  test('can be refused, and can name another app', async () => {
    const simulator = await open({ faults: { meRefused: true } });
    const { status, errors } = await visit(simulator, '/me');
    expect(status).toBe(403);
    expect(errors[0]?.code).toBe('forbidden');
    simulator.faults.meRefused = false;
    simulator.faults.meAppId = 'other';
    expect((await visit(simulator, '/me')).page).toMatchObject({ app: { id_code: 'other' } });
  });
});

describe('errors', () => {
  test('are an error.list with a request_id for whatever else is asked', async () => {
    const simulator = await open();
    for (const path of ['/', '/contacts', '/users/x/y', '/admins']) {
      const { status, text } = await visit(simulator, path);
      expect({ path, status }).toEqual({ path, status: 404 });
      const body = JSON.parse(text);
      expect(Object.keys(body)).toEqual(['type', 'request_id', 'errors']);
      expect(body.type).toBe('error.list');
      expect(body.errors[0].code).toBe('not_found');
    }
    const posted = await fetch(`${simulator.url}/users`, { method: 'POST', headers: credentials });
    expect(posted.status).toBe(404);
  });

  test('have a request_id that is missing or null, and a type in place of the code', async () => {
    const simulator = await open({ faults: { requestId: 'missing' } });
    expect(JSON.parse((await visit(simulator, '/x')).text)).not.toHaveProperty('request_id');
    simulator.faults.requestId = 'null';
    expect(JSON.parse((await visit(simulator, '/x')).text).request_id).toBeNull();
    simulator.faults.errorKey = 'type';
    const { errors } = await visit(simulator, '/x');
    expect(errors[0]?.type).toBe('not_found');
    expect(errors[0]).not.toHaveProperty('code');
  });
});

describe('rate windows', () => {
  test('are ten seconds long, aligned to the wall clock, and told in headers', async () => {
    const clock = stoppedClock();
    const simulator = await open({ now: clock, rateLimitPerWindow: 3 });
    const told = async () => {
      const { status, headers } = await visit(simulator, '/users');
      const read = (name: string) => Number(headers.get(`x-ratelimit-${name}`));
      return [status, read('limit'), read('remaining'), read('reset')];
    };
    const windowEnd = Math.ceil(clock().getTime() / 10_000) * 10;
    expect(await told()).toEqual([200, 3, 2, windowEnd]);
    expect(await told()).toEqual([200, 3, 1, windowEnd]);
    expect(await told()).toEqual([200, 3, 0, windowEnd]);
    expect(await told()).toEqual([429, 3, 0, windowEnd]);
    clock.move(4_999);
    expect(await told()).toEqual([429, 3, 0, windowEnd]);
    clock.move(1);
    expect(await told()).toEqual([200, 3, 2, windowEnd + 10]);
  });

  test('name themselves in the 429, which carries no Retry-After', async () => {
    const simulator = await open({ rateLimitPerWindow: 1 });
    await visit(simulator, '/me');
    const { errors, headers } = await visit(simulator, '/users');
    expect(errors[0]).toEqual({
      code: 'rate_limit_exceeded',
      message: 'Exceeded rate limit of 1 in 10_seconds',
    });
    expect(headers.has('retry-after')).toBe(false);
    simulator.faults.retryAfterSeconds = 7;
    expect((await visit(simulator, '/users')).headers.get('retry-after')).toBe('7');
  });

  test('are shared with the other clients of the workspace', async () => {
    const clock = stoppedClock();
    const faults = { otherClientPerWindow: 7 };
    const simulator = await open({ now: clock, rateLimitPerWindow: 10, faults });
    const remaining = async () =>
      (await visit(simulator, '/users')).headers.get('x-ratelimit-remaining');
    expect(await remaining()).toBe('2');
    simulator.rate.consume(2);
    expect((await visit(simulator, '/users')).status).toBe(429);
    clock.move(10_000);
    expect(await remaining()).toBe('2');
  });

  test('tell nothing on a 429, or nothing at all', async () => {
    const faults = { rateHeaders: 'absent-on-429' as const };
    const simulator = await open({ rateLimitPerWindow: 1, faults });
    expect((await visit(simulator, '/users')).headers.has('x-ratelimit-reset')).toBe(true);
    const { status, headers } = await visit(simulator, '/users');
    expect(status).toBe(429);
    expect(headers.has('x-ratelimit-reset')).toBe(false);
    simulator.faults.rateHeaders = 'absent';
    simulator.rate.limit = 9;
    expect((await visit(simulator, '/users')).headers.has('x-ratelimit-limit')).toBe(false);
  });

  test('tell a reset that is past or far away', async () => {
    const clock = stoppedClock();
    const simulator = await open({ now: clock });
    const reset = async () =>
      Number((await visit(simulator, '/me')).headers.get('x-ratelimit-reset')) * 1000;
    const now = clock().getTime();
    simulator.faults.rateReset = 'past';
    expect(await reset()).toBeLessThan(now);
    simulator.faults.rateReset = 'far';
    expect(await reset()).toBeGreaterThan(now + 86_400_000);
  });
});

describe('the clock of the server', () => {
  test('is told in the Date header', async () => {
    const clock = stoppedClock();
    const simulator = await open({ now: clock });
    const { headers } = await visit(simulator, '/me');
    expect(headers.get('date')).toBe(clock().toUTCString());
  });

  test('can be off, for everything the server does', async () => {
    const clock = stoppedClock();
    const simulator = await open({ now: clock, faults: { clockOffsetMs: -3_600_000 } });
    const { headers } = await visit(simulator, '/me');
    const hourAgo = clock().getTime() - 3_600_000;
    expect(new Date(headers.get('date') ?? '').getTime()).toBe(hourAgo);
    expect(Number(headers.get('x-ratelimit-reset')) * 1000).toBeLessThan(clock().getTime());
    expect(simulator.workspace.create().created_at).toBe(hourAgo / 1000);
  });

  test('can be kept secret', async () => {
    const simulator = await open({ faults: { dateAbsent: true } });
    expect((await visit(simulator, '/me')).headers.has('date')).toBe(false);
  });
});

describe('the log of requests', () => {
  test('holds what was asked, how it was answered and when', async () => {
    const clock = stoppedClock();
    const simulator = await open({ now: clock });
    await visit(simulator, '/users?page=2&email=a%2Bb%40example.com');
    expect(simulator.requests).toHaveLength(1);
    const [request] = simulator.requests;
    expect(request).toMatchObject({ number: 1, method: 'GET', path: '/users', status: 200 });
    expect(request?.query.get('email')).toBe('a+b@example.com');
    expect(request?.authorization).toBe(authorization);
    expect(request?.authorized).toBe(true);
    expect(request?.at).toEqual(clock());
  });

  test('waits for the hooks, until they are taken away', async () => {
    const simulator = await open();
    const seen: RequestLog[] = [];
    const remove = simulator.onRequest(async (request) => {
      await new Promise(setImmediate);
      seen.push(request);
      simulator.workspace.create();
    });
    expect((await visit(simulator, '/users')).page.total_count).toBe(131);
    remove();
    expect((await visit(simulator, '/users')).page.total_count).toBe(131);
    expect(seen.map(({ number }) => number)).toEqual([1]);
  });

  test('shows the failure of a hook to the client, not to nobody', async () => {
    const simulator = await open();
    simulator.onRequest(() => {
      throw new Error('a bug in the test');
    });
    const { status, text } = await visit(simulator, '/users');
    expect(status).toBe(500);
    expect(text).toContain('a bug in the test');
  });
});
