import { describe, expect, test } from 'vitest';
import { ids, open, readList, stoppedClock, visit } from './simulator-visit.ts';

describe('GET /users', () => {
  test('answers a page of fifty with the count of all and the address of the next', async () => {
    const simulator = await open({ users: 105 });
    const { page, headers } = await visit(simulator, '/users');
    expect(Object.keys(page)).toEqual(['type', 'limited', 'total_count', 'users', 'pages']);
    expect(page).toMatchObject({ type: 'user.list', limited: false, total_count: 105 });
    expect(page.users).toHaveLength(50);
    expect(page.pages).toEqual({
      type: 'pages',
      next: `${simulator.url}/users?per_page=50&page=2`,
      page: 1,
      per_page: 50,
      total_pages: 3,
    });
    expect(headers.get('content-type')).toContain('application/json');
  });

  test('serves every user once, by following next to its end', async () => {
    const simulator = await open({ users: 130 });
    const pages = await readList(simulator);
    expect(pages.map((page) => page.users.length)).toEqual([50, 50, 30]);
    expect(new Set(ids(pages)).size).toBe(130);
    expect(pages.at(-1)?.pages.next).toBeNull();
  });

  test('serves up to sixty a page and refuses more, fewer than one, and nonsense', async () => {
    const simulator = await open();
    expect((await visit(simulator, '/users?per_page=60')).page.users).toHaveLength(60);
    for (const query of [
      'per_page=61',
      'per_page=0',
      'per_page=x',
      'page=0',
      'page=-1',
      'page=x',
    ]) {
      const { status, errors } = await visit(simulator, `/users?${query}`);
      expect({ query, status }).toEqual({ query, status: 400 });
      expect(errors[0]?.code).toBe('parameter_invalid');
    }
  });

  test('refuses an unknown sort, order and count of days', async () => {
    const simulator = await open();
    for (const query of ['sort=name', 'order=up', 'created_since=0', 'created_since=1.5']) {
      const { status, errors } = await visit(simulator, `/users?${query}`);
      expect({ query, status }).toEqual({ query, status: 400 });
      expect(errors[0]).toMatchObject({ code: 'parameter_invalid', field: query.split('=')[0] });
    }
  });

  test('is sorted by created_at, descending, when nothing is asked', async () => {
    const simulator = await open();
    const times = (await readList(simulator)).flatMap((page) =>
      page.users.map((user) => Number(user.created_at)),
    );
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });

  test.each(['created_at', 'last_request_at', 'signed_up_at', 'updated_at'])(
    'is sorted by %s in both directions, users without a time last',
    async (sort) => {
      const simulator = await open();
      for (const order of ['asc', 'desc']) {
        const pages = await readList(simulator, `/users?sort=${sort}&order=${order}`);
        expect(new Set(ids(pages)).size).toBe(130);
        const times = pages.flatMap((page) => page.users.map((user) => user[sort] ?? null));
        const dated = times.filter((time) => typeof time === 'number');
        const sign = order === 'asc' ? 1 : -1;
        expect(dated).toEqual([...dated].sort((a, b) => sign * (a - b)));
        expect(times.slice(0, dated.length)).toEqual(dated);
      }
    },
  );

  test('keeps the filters of the first call in next', async () => {
    const simulator = await open();
    const query = 'per_page=20&sort=updated_at&order=asc&created_since=900';
    const { page } = await visit(simulator, `/users?${query}`);
    const next = new URL(page.pages.next ?? '');
    expect(Object.fromEntries(next.searchParams)).toEqual({
      per_page: '20',
      page: '2',
      order: 'asc',
      sort: 'updated_at',
      created_since: '900',
    });
  });

  test.each(['', '&sort=updated_at', '&sort=created_at&order=asc'])(
    'serves only the users created in the last N days%s',
    async (query) => {
      const clock = stoppedClock();
      const simulator = await open({ now: clock });
      const least = clock().getTime() / 1000 - 200 * 86_400;
      const expected = simulator.workspace
        .users()
        .filter((user) => Number(user.created_at) >= least)
        .map((user) => user.id);
      expect(expected.length).toBeGreaterThan(20);
      expect(expected.length).toBeLessThan(130);
      const pages = await readList(simulator, `/users?created_since=200${query}`);
      expect(pages[0]?.total_count).toBe(expected.length);
      expect(ids(pages).sort()).toEqual(expected.sort());
    },
  );

  test('moves the edge of created_since with the clock', async () => {
    const clock = stoppedClock();
    const simulator = await open({ users: 0, now: clock });
    simulator.workspace.create();
    clock.move(86_400_000);
    expect((await visit(simulator, '/users?created_since=1')).page.total_count).toBe(1);
    clock.move(1_000);
    expect((await visit(simulator, '/users?created_since=1')).page.total_count).toBe(0);
  });

  test('says that nobody matches with an empty list, no pages and a count of zero', async () => {
    const simulator = await open();
    const { status, page } = await visit(simulator, '/users?email=nobody%40example.com');
    expect(status).toBe(200);
    expect(page).toMatchObject({
      users: [],
      total_count: 0,
      pages: { next: null, total_pages: 0 },
    });
  });

  test('counts the table as it is, page by page', async () => {
    const simulator = await open();
    expect((await visit(simulator, '/users')).page.total_count).toBe(130);
    const id = String(simulator.workspace.users()[0]?.id);
    simulator.workspace.delete(id);
    expect((await visit(simulator, '/users?page=2')).page.total_count).toBe(129);
    simulator.workspace.create();
    simulator.workspace.create();
    expect((await visit(simulator, '/users?page=2')).page.total_count).toBe(131);
  });
});

describe('leads', () => {
  test('are not in the list of all, and are in lists by e-mail and phone', async () => {
    const simulator = await open();
    const { workspace } = simulator;
    expect(workspace.leads()).toHaveLength(2);
    const email = 'shared+tag@example.com';
    const phone = '+12025550142';
    workspace.create({ email, phone });
    workspace.create({ email, phone, anonymous: true });
    const listed = (await readList(simulator)).flatMap((page) => page.users);
    expect(listed).toHaveLength(131);
    expect(listed.every((user) => user.anonymous === false)).toBe(true);
    for (const query of [
      `email=${encodeURIComponent(email)}`,
      `phone=${encodeURIComponent(phone)}`,
    ]) {
      const { page } = await visit(simulator, `/users?${query}`);
      expect(page.users.map((user) => user.anonymous).sort()).toEqual([false, true]);
      expect(page.total_count).toBe(2);
    }
  });

  test('share the address of a user, and a user that of another', async () => {
    const simulator = await open({ users: 500 });
    const { workspace } = simulator;
    const users = workspace.users();
    const shared = workspace.leads().some((lead) => {
      return lead.email !== null && users.some((user) => user.email === lead.email);
    });
    expect(shared).toBe(true);
    const addresses = users.map((user) => user.email).filter((email) => email !== null);
    expect(new Set(addresses).size).toBeLessThan(addresses.length);
  });
});

describe('pages are offsets into a live table', () => {
  test('an insert shifts created_at desc to the right: the last user comes twice', async () => {
    const simulator = await open();
    simulator.onRequest(({ number }) => {
      if (number === 2) simulator.workspace.create();
    });
    const read = ids(await readList(simulator));
    expect(read).toHaveLength(131);
    expect(new Set(read).size).toBe(130);
    expect(read[50]).toBe(read[49]);
  });

  test('a delete shifts created_at desc to the left: a user is skipped', async () => {
    const simulator = await open();
    const first = (await visit(simulator, '/users')).page.users[0]?.id;
    const before = simulator.requests.length;
    simulator.onRequest(({ number }) => {
      if (number === before + 2) simulator.workspace.delete(String(first));
    });
    const read = ids(await readList(simulator));
    const skipped = simulator.workspace.users().filter((user) => !read.includes(user.id));
    expect(skipped).toHaveLength(1);
  });

  test('an update jumps to the end of updated_at asc: a user is skipped', async () => {
    const simulator = await open();
    const query = '/users?sort=updated_at&order=asc';
    const first = (await visit(simulator, query)).page.users[0]?.id;
    simulator.onRequest(({ number }) => {
      if (number === 3) simulator.workspace.update(String(first), { name: 'Changed' });
    });
    const read = ids(await readList(simulator, query));
    expect(read.at(-1)).toBe(first);
    expect(simulator.workspace.users().filter((user) => !read.includes(user.id))).toHaveLength(1);
  });

  test('an update jumps to the front of updated_at desc: duplicates only', async () => {
    const simulator = await open();
    const query = '/users?sort=updated_at&order=desc';
    const last = (await readList(simulator, query)).at(-1)?.users.at(-1)?.id;
    const before = simulator.requests.length;
    simulator.onRequest(({ number }) => {
      if (number === before + 2) simulator.workspace.update(String(last), { name: 'Changed' });
    });
    const read = ids(await readList(simulator, query));
    expect(read).toHaveLength(130);
    expect(new Set(read).size).toBe(129);
    expect(read).not.toContain(last);
  });

  test('a change that does not touch updated_at moves nobody', async () => {
    const simulator = await open();
    const query = '/users?sort=updated_at&order=asc';
    const [first] = (await visit(simulator, query)).page.users;
    simulator.workspace.update(String(first?.id), { name: 'In silence' }, { touch: false });
    const [again] = (await visit(simulator, query)).page.users;
    expect(again).toEqual({ ...first, name: 'In silence' });
  });

  test('a user can become a lead, and is gone from the list of all', async () => {
    const simulator = await open({ users: 3 });
    const id = String(simulator.workspace.users()[1]?.id);
    await visit(simulator, '/users');
    simulator.workspace.update(id, { anonymous: true });
    expect(simulator.workspace.size).toBe(2);
    for (const sort of ['created_at', 'updated_at']) {
      expect(ids(await readList(simulator, `/users?sort=${sort}`))).not.toContain(id);
    }
  });
});
