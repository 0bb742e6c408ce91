import { describe, expect, test } from 'vitest';
import { errorList, type Reply } from '../support/canned-server.ts';
import { manyUsers } from '../support/recorded-users.ts';
import { LIST, type ListTable, openList, readAll, serveTable } from './list-table.ts';

type Instead = NonNullable<ListTable['instead']>;

const isBeyond = (page: number, perPage: number) => page * perPage > 10_000;
const beyond =
  (reply: Reply): Instead =>
  (page, perPage) =>
    isBeyond(page, perPage) ? reply : undefined;

const EMPTY = {
  type: 'user.list',
  users: [],
  total_count: 0,
  pages: { next: null, total_pages: 0 },
};
const FACES: Record<string, Instead> = {
  'page limit reached': beyond({
    status: 400,
    body: errorList('bad_request', 'page limit reached, please use scroll API'),
  }),
  "'page' not found": beyond({
    status: 400,
    body: errorList('parameter_invalid', "'page' not found on model"),
  }),
  'page limit reached, with 200': beyond({
    body: errorList('bad_request', 'page limit reached, please use scroll API'),
  }),
  'an empty page': beyond({ body: EMPTY }),
};
const COUNTS: Record<string, (rows: number) => number | undefined> = {
  right: (rows) => rows,
  capped: (rows) => Math.min(rows, 10_000),
  missing: () => undefined,
};

/** Ends at row 10,000, or at the last full page before it, as if there were no more. */
const endingAt =
  (lastPage: number): Instead =>
  (page, perPage) =>
    page === lastPage
      ? {
          body: {
            users: ROWS.slice((page - 1) * perPage, Math.min(page * perPage, 10_000)),
            pages: { next: null },
          },
        }
      : undefined;

const ROWS = manyUsers(10_500);

describe.each([50, 60])('past 10,000 users at %i a page', (perPage) => {
  const lastWhole = Math.floor(10_000 / perPage);

  test.each(
    Object.keys(FACES).flatMap((face) => Object.keys(COUNTS).map((count) => [face, count])),
  )('%s is the limit when the count is %s', async (face, count) => {
    const table = { rows: ROWS, count: COUNTS[count as string], instead: FACES[face as string] };
    const server = await serveTable(table as ListTable);
    const read = await readAll(openList(server.url, perPage), LIST);
    if (count === 'right') {
      expect(read).toMatchObject({ end: 'counted', endPage: 1 });
      expect(read.ids).toHaveLength(perPage);
    } else {
      expect(read.end).toBe(face === 'an empty page' ? 'emptied' : 'refused');
      expect(read.endPage).toBe(lastWhole + 1);
      expect(read.ids).toEqual(ROWS.slice(0, lastWhole * perPage).map(({ id }) => id));
    }
    // Should the run be resumed, the page that was cut off comes again.
    expect(read.pages.at(-1)?.next).toContain(`page=${read.endPage}&`);
    expect(server.requests).toHaveLength(read.endPage ?? 0);
  });

  test.each(['capped', 'missing'])('a list that just ends there, its count %s', async (count) => {
    const withCount = (reply: Reply | undefined) => {
      if (typeof reply === 'object' && count === 'capped')
        Object.assign(reply.body as object, { total_count: 10_000 });
      return reply;
    };
    for (const lastPage of new Set([lastWhole, Math.ceil(10_000 / perPage)])) {
      const instead: Instead = (...args) => withCount(endingAt(lastPage)(...args));
      const server = await serveTable({ rows: ROWS, count: () => undefined, instead });
      const read = await readAll(openList(server.url, perPage), LIST);
      expect(read).toMatchObject({ end: 'ended', endPage: lastPage });
      expect(read.ids).toHaveLength(Math.min(lastPage * perPage, 10_000));
    }
  });

  test('a page that reaches across the limit is served or not, and both are the limit', async () => {
    const across = lastWhole + 1;
    const instead: Instead = (page, size, request) =>
      page <= across ? undefined : FACES['page limit reached']?.(page, size, request);
    const server = await serveTable({ rows: ROWS, count: () => undefined, instead });
    const read = await readAll(openList(server.url, perPage), LIST);
    expect(read).toMatchObject({ end: 'refused', endPage: across + 1 });
    expect(read.ids).toHaveLength(across * perPage);
  });

  test.each([
    [9_999, 'right', 'complete'],
    [9_999, 'missing', 'complete'],
    [9_960, 'right', 'complete'],
    [9_950, 'right', 'complete'],
    // Whether 10,000 are all of them, or all that are served, cannot be told: a scroll can.
    [10_000, 'right', 'ended'],
    [10_000, 'missing', 'ended'],
    [10_001, 'right', 'counted'],
    [10_001, 'missing', 'cut'],
  ])('of %i users, their count %s, the list is %s', async (total, count, expected) => {
    const served = total > 10_000 ? FACES['page limit reached'] : undefined;
    const table = { rows: ROWS.slice(0, total), count: COUNTS[count] };
    const server = await serveTable({
      ...table,
      ...(served ? { instead: served } : {}),
    } as ListTable);
    const read = await readAll(openList(server.url, perPage), LIST);
    expect(read.end).toBe(expected === 'cut' ? 'refused' : expected);
    if (expected !== 'counted') {
      const whole = expected === 'cut' ? lastWhole * perPage : total;
      expect(read.ids).toHaveLength(whole);
    }
  });
});

test('a list that ends before all whom it counts, just below the limit, has met it', async () => {
  const rows = ROWS.slice(0, 9_960);
  const server = await serveTable({ rows, count: () => 9_990 });
  expect(await readAll(openList(server.url, 60), LIST)).toMatchObject({
    end: 'ended',
    endPage: 166,
  });
});

test('the limit is met by a list of the users created lately, too', async () => {
  const server = await serveTable({ rows: ROWS });
  const pass = { ...LIST, name: 'created', createdSinceDays: 9 } as const;
  expect(await readAll(openList(server.url), pass)).toMatchObject({
    end: 'counted',
    endPage: 1,
  });
});

test('a list that grows past the limit while it is read is switched there and then', async () => {
  const rows = manyUsers(9_999);
  const server = await serveTable({
    rows,
    after: (requests) => {
      if (requests === 3)
        rows.unshift(...manyUsers(2).map((user) => ({ ...user, id: `new${user.id}` })));
    },
  });
  expect(await readAll(openList(server.url), LIST)).toMatchObject({ end: 'counted', endPage: 4 });
});

describe('a pass over what was updated, in a workspace of 10,500', () => {
  test('meets the limit only when it gets there', async () => {
    const updated = (seconds: number) =>
      ({ name: 'updated', since: new Date(seconds * 1000) }) as const;
    const server = await serveTable({
      rows: ROWS,
      instead: FACES['page limit reached'],
    } as ListTable);
    const near = await readAll(openList(server.url), updated(1_700_000_000 - 70));
    expect(near).toMatchObject({ end: 'complete' });
    expect(near.pages).toHaveLength(2);
    const far = await readAll(openList(server.url), updated(0));
    expect(far).toMatchObject({ end: 'refused', endPage: 201 });
    expect(far.ids).toHaveLength(10_000);
  });
});

describe('a 400', () => {
  const refused = {
    status: 400,
    body: errorList('parameter_invalid', "'page' not found on model"),
  };

  test.each([1, 2, 50, 199])('on page %i is an error, and no limit', async (failing) => {
    const server = await serveTable({
      rows: manyUsers(9_999),
      instead: (page) => (page === failing ? refused : undefined),
    });
    await expect(readAll(openList(server.url), LIST)).rejects.toMatchObject({
      kind: 'source',
      code: 'parameter_invalid',
    });
    // It is not asked again either.
    expect(server.requests).toHaveLength(failing);
  });

  test('on page 1 is no limit, whatever its words', async () => {
    const words = errorList('bad_request', 'page limit reached, please use scroll API');
    const server = await serveTable({ rows: [], instead: () => ({ status: 400, body: words }) });
    await expect(readAll(openList(server.url), LIST)).rejects.toMatchObject({ kind: 'source' });
  });

  test('is the limit by its words, wherever it is set', async () => {
    const words = errorList('bad_request', 'page limit reached, please use scroll API');
    const server = await serveTable({
      rows: manyUsers(400),
      instead: (page) => (page === 3 ? { status: 400, body: words } : undefined),
    });
    expect(await readAll(openList(server.url), LIST)).toMatchObject({
      end: 'refused',
      endPage: 3,
    });
  });

  test.each<[string, Reply]>([
    ['nothing', { body: '' }],
    ['HTML', { body: '<html>' }],
    ['a 404', { status: 404, body: errorList('not_found') }],
    ['a 422', { status: 422, body: errorList('unprocessable') }],
    ['a 500', { status: 500, body: errorList('server_error') }],
  ])('is, beyond row 10,000, not the same as %s, which is no limit', async (_, reply) => {
    const instead = beyond(reply);
    const table = { rows: ROWS, count: () => undefined, instead };
    const server = await serveTable(table);
    await expect(readAll(openList(server.url), LIST)).rejects.toMatchObject({ kind: 'source' });
  });

  test('that tells of the token or the version is no limit, however far the page', async () => {
    for (const [code, kind] of [
      ['token_revoked', 'credentials'],
      ['intercom_version_invalid', 'settings'],
    ] as const) {
      const server = await serveTable({
        rows: ROWS,
        count: () => undefined,
        instead: beyond({ status: 400, body: errorList(code) }),
      });
      await expect(readAll(openList(server.url), LIST)).rejects.toMatchObject({ kind });
    }
  });
});
