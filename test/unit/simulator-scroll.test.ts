import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/server.ts';
import { ids, open, type Page, stoppedClock, visit } from './simulator-visit.ts';

const MINUTE_MS = 60_000;

async function readScroll(simulator: Simulator, first?: Page): Promise<Page[]> {
  const pages = [first ?? (await visit(simulator, '/users/scroll')).page];
  while (pages.at(-1)?.users.length !== 0) {
    if (pages.length > 1_000) throw new Error('The scroll has no end.');
    const parameter = pages.at(-1)?.scroll_param;
    const { page, status } = await visit(simulator, `/users/scroll?scroll_param=${parameter}`);
    if (status !== 200) throw new Error(`The scroll answers ${status}.`);
    pages.push(page);
  }
  return pages;
}

describe('GET /users/scroll', () => {
  test('answers a hundred users and a parameter, no pages and no count', async () => {
    const simulator = await open({ users: 250 });
    const { page, headers } = await visit(simulator, '/users/scroll');
    expect(Object.keys(page)).toEqual(['type', 'users', 'scroll_param']);
    expect(page.type).toBe('user.list');
    expect(page.users).toHaveLength(100);
    expect(page.scroll_param).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.has('x-ratelimit-limit')).toBe(true);
  });

  test('serves every user once, leads left out, and ends with an empty list', async () => {
    const simulator = await open({ users: 250 });
    const pages = await readScroll(simulator);
    expect(pages.map((page) => page.users.length)).toEqual([100, 100, 50, 0]);
    expect(ids(pages).sort()).toEqual(
      simulator.workspace
        .users()
        .map((user) => user.id)
        .sort(),
    );
    expect(new Set(pages.map((page) => page.scroll_param)).size).toBe(1);
  });

  test('serves a hundred whatever is asked, and goes past the limit of the list', async () => {
    const simulator = await open({ users: 250, faults: { limitRows: 100 } });
    const { page } = await visit(simulator, '/users/scroll?per_page=5&sort=updated_at&page=9');
    expect(page.users).toHaveLength(100);
    expect(ids(await readScroll(simulator, page))).toHaveLength(250);
  });

  test('is a snapshot: what changes while it runs comes in its old form', async () => {
    const simulator = await open({ users: 250 });
    const { workspace } = simulator;
    workspace.update(String(workspace.users()[201]?.id), { name: 'Changed before' });
    const before = workspace.users();
    const { page } = await visit(simulator, '/users/scroll');
    workspace.update(String(before[200]?.id), { name: 'Changed' });
    workspace.update(String(before[200]?.id), { name: 'Changed again' });
    workspace.delete(String(before[201]?.id));
    workspace.create();
    const read = (await readScroll(simulator, page)).flatMap(({ users }) => users);
    expect(read).toEqual(JSON.parse(JSON.stringify(before)));
  });

  test('has one scroll at a time for the workspace', async () => {
    const simulator = await open();
    await visit(simulator, '/users/scroll');
    const { status, errors } = await visit(simulator, '/users/scroll');
    expect(status).toBe(400);
    expect(errors[0]).toEqual({
      code: 'scroll_exists',
      message: 'scroll already exists for this workspace',
    });
  });

  test('cannot be closed: read to its end, it holds the workspace for a minute more', async () => {
    const clock = stoppedClock();
    const simulator = await open({ now: clock });
    await readScroll(simulator);
    clock.move(MINUTE_MS - 1);
    expect((await visit(simulator, '/users/scroll')).errors[0]?.code).toBe('scroll_exists');
    clock.move(1);
    expect((await visit(simulator, '/users/scroll')).status).toBe(200);
  });

  test('dies when it is not used for a minute, and each page keeps it alive', async () => {
    const clock = stoppedClock();
    const simulator = await open({ users: 400, now: clock });
    const { page } = await visit(simulator, '/users/scroll');
    const target = `/users/scroll?scroll_param=${page.scroll_param}`;
    for (const _ of [1, 2]) {
      clock.move(MINUTE_MS - 1);
      expect((await visit(simulator, target)).status).toBe(200);
    }
    clock.move(MINUTE_MS);
    const { status, errors } = await visit(simulator, target);
    expect(status).toBe(404);
    expect(errors[0]).toEqual({ code: 'not_found', message: 'scroll parameter not found' });
    expect((await visit(simulator, '/users/scroll')).status).toBe(200);
    expect((await visit(simulator, target)).status).toBe(404);
  });

  test('is not kept alive by answers of 429', async () => {
    const clock = stoppedClock();
    const simulator = await open({ users: 400, now: clock });
    const { page } = await visit(simulator, '/users/scroll');
    const target = `/users/scroll?scroll_param=${page.scroll_param}`;
    simulator.faults.rules.push({ answer: 'status429', times: 1 });
    clock.move(MINUTE_MS - 1);
    expect((await visit(simulator, target)).status).toBe(429);
    clock.move(1);
    expect((await visit(simulator, target)).status).toBe(404);
  });

  test('knows no parameter that it did not give', async () => {
    const simulator = await open();
    await visit(simulator, '/users/scroll');
    const { status } = await visit(simulator, '/users/scroll?scroll_param=unknown');
    expect(status).toBe(404);
  });

  test('can give another parameter with each page, and then knows only the latest', async () => {
    const simulator = await open({ users: 250, faults: { scrollParam: 'changing' } });
    const { page } = await visit(simulator, '/users/scroll');
    const pages = await readScroll(simulator, page);
    expect(new Set(pages.map(({ scroll_param: parameter }) => parameter)).size).toBe(4);
    expect(ids(pages)).toHaveLength(250);
    const target = `/users/scroll?scroll_param=${page.scroll_param}`;
    expect((await visit(simulator, target)).status).toBe(404);
  });

  test('can have short pages before its end', async () => {
    const simulator = await open({ users: 250, faults: { scrollShortPages: true } });
    const pages = await readScroll(simulator);
    expect(pages[0]?.users).toHaveLength(1);
    expect(pages[1]?.users).toHaveLength(100);
    expect(ids(pages)).toHaveLength(250);
  });

  test('can leave a lock that outlives it', async () => {
    const clock = stoppedClock();
    const faults = { scrollLifeMs: 1_000, scrollLockMs: 5_000 };
    const simulator = await open({ now: clock, faults });
    const { page } = await visit(simulator, '/users/scroll');
    clock.move(1_000);
    const dead = await visit(simulator, `/users/scroll?scroll_param=${page.scroll_param}`);
    expect(dead.status).toBe(404);
    clock.move(4_999);
    expect((await visit(simulator, '/users/scroll')).errors[0]?.code).toBe('scroll_exists');
    clock.move(1);
    expect((await visit(simulator, '/users/scroll')).status).toBe(200);
  });

  test('can be held by another vendor', async () => {
    const simulator = await open({ faults: { scrollHeldByOther: true } });
    expect((await visit(simulator, '/users/scroll')).errors[0]?.code).toBe('scroll_exists');
    simulator.faults.scrollHeldByOther = false;
    expect((await visit(simulator, '/users/scroll')).status).toBe(200);
  });
});

describe('an answer that is lost', () => {
  test.each([
    'status500scroll',
    'status500null',
    'status504html',
    'truncatedJson',
    'empty200',
  ] as const)('%s has moved the scroll on: the same parameter misses a page', async (answer) => {
    const simulator = await open({ users: 250 });
    const { page } = await visit(simulator, '/users/scroll');
    simulator.faults.rules.push({ answer, times: 1 });
    const target = `/users/scroll?scroll_param=${page.scroll_param}`;
    await visit(simulator, target);
    const again = await visit(simulator, target);
    expect(again.page.users).toHaveLength(50);
  });

  test.each(['status429', 'status503', 'scrollExists', 'status408'] as const)(
    '%s was never served: the scroll stands where it stood',
    async (answer) => {
      const simulator = await open({ users: 250 });
      const { page } = await visit(simulator, '/users/scroll');
      simulator.faults.rules.push({ answer, times: 1 });
      const target = `/users/scroll?scroll_param=${page.scroll_param}`;
      expect((await visit(simulator, target)).status).toBeGreaterThanOrEqual(400);
      expect((await visit(simulator, target)).page.users).toHaveLength(100);
    },
  );
});
