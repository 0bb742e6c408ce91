import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { AnswerFault } from '../../src/simulator/mishaps.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { credentials, open, visit } from './simulator-visit.ts';

describe('rules', () => {
  async function statuses(simulator: Simulator, count: number, target = '/users') {
    const seen: number[] = [];
    for (let visited = 0; visited < count; visited += 1) {
      seen.push((await visit(simulator, target)).status);
    }
    return seen;
  }

  test('answer the Nth matching request', async () => {
    const simulator = await open();
    simulator.faults.rules.push({ match: { path: '/users', nth: 3 }, answer: 'status500null' });
    await visit(simulator, '/me');
    expect(await statuses(simulator, 4)).toEqual([200, 200, 500, 200]);
  });

  test('answer every Nth, from the Nth on, and so many times', async () => {
    const simulator = await open();
    const { rules } = simulator.faults;
    rules.push({ match: { every: 2 }, answer: 'status503' });
    expect(await statuses(simulator, 4)).toEqual([200, 503, 200, 503]);
    rules.splice(0, 1, { match: { from: 3 }, answer: 'status503' });
    expect(await statuses(simulator, 4)).toEqual([200, 200, 503, 503]);
    rules.splice(0, 1, { times: 2, answer: 'status503' });
    expect(await statuses(simulator, 4)).toEqual([503, 503, 200, 200]);
  });

  test('match the query, and the first that fits answers', async () => {
    const simulator = await open();
    const { rules } = simulator.faults;
    rules.push({ match: { query: { page: '2' } }, answer: { status: 418, body: 'short' } });
    rules.push({ answer: 'status503' });
    expect((await visit(simulator, '/users?page=2')).text).toBe('short');
    expect(await statuses(simulator, 1)).toEqual([503]);
  });
});

describe('answers', () => {
  async function answered(answer: AnswerFault, target = '/users') {
    const simulator = await open({ faults: { rules: [{ answer, times: 1 }] } });
    return { simulator, ...(await visit(simulator, target)) };
  }

  test.each([
    ['status401', 401, 'unauthorized'],
    ['status402', 402, 'api_plan_restricted'],
    ['status403', 403, 'forbidden'],
    ['status408', 408, 'request_timeout'],
    ['status429', 429, 'rate_limit_exceeded'],
    ['status500', 500, 'server_error'],
    ['status503', 503, 'service_unavailable'],
    ['errorList200', 200, 'server_error'],
    ['scrollExists', 400, 'scroll_exists'],
    ['scrollNotFound', 404, 'not_found'],
  ] as const)('%s is %i with an error.list of %s', async (answer, status, code) => {
    const seen = await answered(answer);
    expect(seen.status).toBe(status);
    expect(seen.page.type).toBe('error.list');
    expect(seen.errors[0]?.code).toBe(code);
    expect(seen.headers.has('x-ratelimit-limit')).toBe(status !== 401);
  });

  test('of 429 come with a budget of none, without headers, and with Retry-After', async () => {
    expect((await answered('status429')).headers.get('x-ratelimit-remaining')).toBe('0');
    const bare = await answered('status429bare');
    expect(bare.status).toBe(429);
    expect(bare.headers.has('x-ratelimit-reset')).toBe(false);
    expect(bare.headers.has('retry-after')).toBe(false);
    const told = await answered('status429retryAfter');
    expect(told.status).toBe(429);
    expect(told.headers.get('retry-after')).toBe('1');
  });

  test('of a server that failed are null, HTML, or ask for a restart', async () => {
    const nothing = await answered('status500null');
    expect([nothing.status, nothing.text]).toEqual([500, 'null']);
    const restart = await answered('status500scroll');
    expect(restart.status).toBe(500);
    expect(restart.errors[0]?.message).toBe(
      'Request failed due to an internal network error. Please restart the scroll operation.',
    );
    for (const [answer, status] of [
      ['status504html', 504],
      ['status502', 502],
    ] as const) {
      const seen = await answered(answer);
      expect(seen.status).toBe(status);
      expect(seen.headers.get('content-type')).toBe('text/html');
      expect(seen.text).toContain('<html>');
    }
  });

  test('of 200 are empty, HTML, or JSON that stops in the middle', async () => {
    const empty = await answered('empty200');
    expect([empty.status, empty.text]).toEqual([200, '']);
    const html = await answered('html200');
    expect(html.status).toBe(200);
    expect(html.text).toContain('<html>');
    const truncated = await answered('truncatedJson');
    expect(truncated.status).toBe(200);
    expect(truncated.text.startsWith('{"type":"user.list"')).toBe(true);
    expect(() => JSON.parse(truncated.text)).toThrow(SyntaxError);
  });

  test('redirect to the same origin and to another', async () => {
    const same = await answered('redirectSame', '/users?page=2');
    expect(same.status).toBe(302);
    expect(same.headers.get('location')).toBe(`${same.simulator.url}/users?page=2`);
    const other = await answered('redirectOther', '/users?page=2');
    expect(other.headers.get('location')).toBe('http://elsewhere.invalid/users?page=2');
  });
});

describe('connections', () => {
  test('are reset before the answer', async () => {
    const simulator = await open({ faults: { rules: [{ answer: 'reset' }] } });
    await expect(visit(simulator, '/users')).rejects.toThrow('fetch failed');
    expect(simulator.requests.at(-1)?.status).toBe(0);
  });

  test('are cut in the middle of the body', async () => {
    const simulator = await open({ faults: { rules: [{ answer: 'cut' }] } });
    const response = await fetch(`${simulator.url}/users`, { headers: credentials });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
  });

  test('bring an answer that drips, whole in the end', async () => {
    const faults = { rules: [{ answer: 'drip' as const }], dripBytesPerSecond: 10_000 };
    const simulator = await open({ users: 2, faults });
    const response = await fetch(`${simulator.url}/users`, { headers: credentials });
    const chunks: number[] = [];
    for await (const chunk of response.body ?? []) chunks.push(chunk.length);
    expect(chunks.length).toBeGreaterThan(1);
    const total = chunks.reduce((sum, size) => sum + size, 0);
    expect(total).toBe(Number(response.headers.get('content-length')));
  });

  test('freeze before the answer and in the middle of it, until somebody gives up', async () => {
    const simulator = await open();
    const { port } = new URL(simulator.url);
    for (const answer of ['freeze', 'freezeMidway'] as const) {
      simulator.faults.rules.splice(0, 1, { answer });
      const socket = connect(Number(port), '127.0.0.1');
      let received = '';
      socket.setEncoding('latin1');
      socket.on('data', (chunk) => {
        received += chunk;
      });
      const before = simulator.requests.length;
      socket.write(
        `GET /users HTTP/1.1\r\nHost: x\r\nAuthorization: ${credentials.authorization}\r\n\r\n`,
      );
      if (answer === 'freezeMidway') await once(socket, 'data');
      // Another request is answered in full meanwhile: the frozen one had its turn before it.
      while (simulator.requests.length === before) await new Promise(setImmediate);
      simulator.faults.rules.splice(0, 1);
      expect((await visit(simulator, '/users')).status).toBe(200);
      expect(received.startsWith('HTTP/1.1 200')).toBe(answer === 'freezeMidway');
      const length = Number(/content-length: (\d+)/.exec(received)?.[1] ?? Infinity);
      const [, body = ''] = received.split(/\r\n\r\n(.*)/s);
      expect(body.length).toBeLessThan(length);
      socket.destroy();
    }
  });

  test('bring a slow answer whole', async () => {
    const faults = { rules: [{ answer: 'slow' as const }], slowMs: 1, latencyMs: 1 };
    const simulator = await open({ faults });
    expect((await visit(simulator, '/users')).page.users).toHaveLength(50);
  });

  test('are all closed with the simulator, the slow and the frozen ones too', async () => {
    const faults = {
      rules: [{ answer: 'slow' as const, times: 1 }, { answer: 'freeze' as const }],
    };
    const simulator = await open({ faults: { ...faults, slowMs: 3_600_000 } });
    const failures = [visit(simulator, '/users'), visit(simulator, '/users')].map((visited) =>
      expect(visited).rejects.toThrow('fetch failed'),
    );
    while (simulator.requests.length < 2) await new Promise(setImmediate);
    await simulator.close();
    await Promise.all(failures);
  });

  test('leave no timer behind that would keep the process alive', async () => {
    const simulator = await open({ faults: { latencyMs: 3_600_000 } });
    const failure = expect(visit(simulator, '/users')).rejects.toThrow('fetch failed');
    while (simulator.requests.length < 1) await new Promise(setImmediate);
    expect(simulator.requests[0]?.status).toBe(0);
    await simulator.close();
    await failure;
    // The wait ended with the server, an hour early, and the request had its answer.
    expect(simulator.requests[0]?.status).toBe(200);
  });
});
