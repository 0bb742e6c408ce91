import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { AnswerFault } from '../../src/simulator/mishaps.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { credentials, ids, open, readList, stoppedClock, visit } from './simulator-visit.ts';

describe('the limit of the list', () => {
  const faults = { limitRows: 100 };

  test('is 10,000 rows: page 200 of fifty is served and 201 refused', async () => {
    const simulator = await open({ users: 10_050 });
    const last = await visit(simulator, '/users?page=200');
    expect(last.page.users).toHaveLength(50);
    expect(new URL(last.page.pages.next ?? '').searchParams.get('page')).toBe('201');
    const { status, errors } = await visit(simulator, '/users?page=201');
    expect(status).toBe(400);
    expect(errors).toEqual([
      { code: 'bad_request', message: 'page limit reached, please use scroll API' },
    ]);
  });

  test('holds for filtered lists too', async () => {
    const simulator = await open({ users: 500, faults });
    const { status } = await visit(simulator, '/users?page=3&created_since=2000');
    expect(status).toBe(400);
  });

  test('has the face of an unknown parameter', async () => {
    const simulator = await open({ faults: { ...faults, limit: 'model' } });
    const { status, errors } = await visit(simulator, '/users?page=3');
    expect(status).toBe(400);
    expect(errors).toEqual([{ code: 'parameter_invalid', message: "'page' not found on model" }]);
  });

  test('has the face of an empty last page', async () => {
    const simulator = await open({ faults: { ...faults, limit: 'emptied' } });
    const pages = await readList(simulator);
    expect(pages.map((page) => page.total_count)).toEqual([130, 130, 0]);
    expect(pages[2]).toMatchObject({ users: [], pages: { next: null, page: 3, total_pages: 0 } });
  });

  test('can be absent', async () => {
    const simulator = await open({ faults: { ...faults, limit: 'none' } });
    expect(ids(await readList(simulator))).toHaveLength(130);
  });

  test('refuses, serves or cuts a page that crosses it', async () => {
    const simulator = await open({ faults });
    const crossing = '/users?per_page=60&page=2';
    expect((await visit(simulator, crossing)).status).toBe(400);
    simulator.faults.straddlingPage = 'served';
    expect((await visit(simulator, crossing)).page.users).toHaveLength(60);
    simulator.faults.straddlingPage = 'cut';
    expect((await visit(simulator, crossing)).page.users).toHaveLength(40);
    expect((await visit(simulator, '/users?per_page=60&page=3')).status).toBe(400);
  });
});

describe('the count', () => {
  async function counts(faults: Parameters<typeof open>[0]): Promise<unknown[]> {
    const simulator = await open({ users: 130, ...faults });
    return (await readList(simulator)).map((page) => page.total_count);
  }

  test('is capped, and the list with it', async () => {
    const faults = { limitRows: 100, totalCount: 'capped' as const };
    expect(await counts({ faults })).toEqual([100, 100]);
  });

  test('is missing', async () => {
    expect(await counts({ faults: { totalCount: 'missing' } })).toEqual(Array(3).fill(undefined));
  });

  test('is off by so many, and the list goes to its true end', async () => {
    const faults = { totalCount: 'off' as const, totalCountOff: 4 };
    expect(await counts({ faults })).toEqual([134, 134, 134]);
    expect(await counts({ faults: { ...faults, totalCountOff: -4 } })).toEqual([126, 126, 126]);
  });

  test('falls from page to page although nobody goes', async () => {
    const faults = { totalCount: 'falling' as const, totalCountOff: 10 };
    expect(await counts({ faults })).toEqual([130, 120, 110]);
  });
});

describe('the shape of a page', () => {
  test('ends with next null, next absent or empty pages', async () => {
    const simulator = await open({ users: 10 });
    const pages = async () => (await visit(simulator, '/users')).page.pages;
    expect(await pages()).toHaveProperty('next', null);
    simulator.faults.end = 'absent';
    expect(await pages()).not.toHaveProperty('next');
    expect(await pages()).toHaveProperty('total_pages', 1);
    simulator.faults.end = 'empty';
    expect(await pages()).toEqual({});
  });

  test('has its next page in every form of end', async () => {
    for (const end of ['null', 'absent', 'empty'] as const) {
      const simulator = await open({ faults: { end } });
      expect(ids(await readList(simulator))).toHaveLength(130);
    }
  });

  test('lacks limited and the type of pages, as older samples do', async () => {
    const simulator = await open({ faults: { limitedAbsent: true, pagesTypeAbsent: true } });
    const { page } = await visit(simulator, '/users');
    expect(Object.keys(page)).toEqual(['type', 'total_count', 'users', 'pages']);
    expect(Object.keys(page.pages)).toEqual(['next', 'page', 'per_page', 'total_pages']);
  });

  test('drops the filters from next', async () => {
    const simulator = await open({ faults: { nextFilters: 'paging' } });
    const next = async () =>
      new URL((await visit(simulator, '/users?per_page=20&sort=updated_at')).page.pages.next ?? '')
        .search;
    expect(await next()).toBe('?per_page=20&page=2');
    simulator.faults.nextFilters = 'dropped';
    expect(await next()).toBe('?page=2');
  });

  test('sends the client to another host', async () => {
    const simulator = await open({ faults: { nextOrigin: 'http://elsewhere.invalid:1' } });
    const { page } = await visit(simulator, '/users');
    expect(page.pages.next).toBe('http://elsewhere.invalid:1/users?per_page=50&page=2');
  });

  test('names in next the host that was asked', async () => {
    const simulator = await open();
    const { port } = new URL(simulator.url);
    const response = await fetch(`http://localhost:${port}/users`, { headers: credentials });
    const { pages } = (await response.json()) as { pages: { next: string } };
    expect(pages.next).toBe(`http://localhost:${port}/users?per_page=50&page=2`);
  });
});

describe('order', () => {
  test('of equal times changes from request to request', async () => {
    const simulator = await open({ users: 0, faults: { unstableTies: true } });
    for (let count = 0; count < 150; count += 1) simulator.workspace.create();
    simulator.workspace.create({ created_at: 1, id: 'oldest' });
    const first = ids([(await visit(simulator, '/users')).page]);
    expect(ids([(await visit(simulator, '/users')).page])).not.toEqual(first);
    const pages = await readList(simulator);
    expect(ids(pages)).toHaveLength(151);
    expect(new Set(ids(pages)).size).toBeLessThan(151);
    expect(ids(pages).at(-1)).toBe('oldest');
  });

  test('by updated_at follows an index that is behind the rows', async () => {
    const clock = stoppedClock();
    const simulator = await open({ users: 3, now: clock, faults: { indexLagMs: 2_000 } });
    const query = '/users?sort=updated_at&order=desc';
    const read = async () => (await visit(simulator, query)).page;
    const before = ids([await read()]);
    const last = String(before[2]);
    simulator.workspace.update(last, { name: 'Changed' });
    const born = simulator.workspace.create();
    clock.move(1_999);
    const behind = await read();
    expect(ids([behind])).toEqual(before);
    expect(behind.users[2]?.name).toBe('Changed');
    expect((await visit(simulator, '/users')).page.total_count).toBe(4);
    clock.move(1);
    expect(ids([await read()]).sort()).toEqual([...before, born.id].sort());
    expect(ids([await read()]).slice(2)).toEqual(before.slice(0, 2));
  });
});

test('the workspace changes by itself before each page', async () => {
  const faults = { updatesPerPage: 2, createsPerPage: 3, deletesPerPage: 1 };
  const clock = stoppedClock();
  const simulator = await open({ now: clock, faults });
  await visit(simulator, '/users');
  await visit(simulator, '/users/scroll');
  await visit(simulator, '/me');
  expect(simulator.workspace.size).toBe(130 + 2 * (3 - 1));
  const now = clock().getTime() / 1000;
  const touched = simulator.workspace.users().filter((user) => user.updated_at === now);
  expect(touched.length).toBeGreaterThan(6);
});

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
      expect(received.length).toBeLessThan(length);
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
});
