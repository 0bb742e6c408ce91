import { describe, expect, test } from 'vitest';
import { manyUsers, type WireUser } from '../support/recorded-users.ts';
import { LIST, openList, readAll, serveTable } from './list-table.ts';

const idsOf = (rows: readonly WireUser[]) => rows.map(({ id }) => id as string);

/** Reads 137 users while `change` is made to the table behind each answer. */
async function readWhile(
  change: (rows: WireUser[], requests: number) => void,
  { perPage = 10, users = 137, count = (rows: number): number | undefined => rows } = {},
) {
  const rows = manyUsers(users);
  const server = await serveTable({ rows, count, after: (requests) => change(rows, requests) });
  const read = await readAll(openList(server.url, perPage), LIST);
  return { ...read, survivors: idsOf(rows), requests: server.requests.length };
}

function expectAllRead(read: Awaited<ReturnType<typeof readWhile>>): void {
  expect(read.end).toBe('complete');
  expect(read.survivors.filter((id) => !read.ids.includes(id))).toEqual([]);
}

describe('no user that stays is missed', () => {
  test.each([1, 2, 9, 10, 11, 25, 60])(
    'when %i users already read are deleted behind any one page',
    async (deleted) => {
      for (let boundary = 1; boundary <= 13; boundary += 1) {
        const read = await readWhile((rows, requests) => {
          if (requests === boundary) rows.splice(0, Math.min(deleted, boundary * 10));
        });
        expectAllRead(read);
      }
    },
  );

  test('when users are deleted behind two pages in turn', async () => {
    for (let first = 1; first <= 12; first += 1) {
      for (let second = first + 1; second <= 13; second += 1) {
        const read = await readWhile((rows, requests) => {
          if (requests === first || requests === second) rows.splice(0, 3);
        });
        expectAllRead(read);
      }
    }
  });

  test('when users are created and others deleted between the same two pages', async () => {
    for (let boundary = 1; boundary <= 13; boundary += 1) {
      const read = await readWhile((rows, requests) => {
        if (requests !== boundary) return;
        rows.splice(0, 5);
        rows.unshift({ id: 'new1' }, { id: 'new2' });
      });
      // The new ones stand on pages already read: the pass over what was updated finds them.
      expect(
        read.survivors.filter((id) => !read.ids.includes(id) && !id.startsWith('new')),
      ).toEqual([]);
    }
  });

  test('when the page that is asked for has gone with the users on it', async () => {
    for (const remaining of [0, 1, 9, 10, 11]) {
      const read = await readWhile((rows, requests) => {
        if (requests === 13) rows.splice(remaining);
      });
      expectAllRead(read);
    }
  });

  test('when deletions go on for half of the way', async () => {
    const read = await readWhile((rows, requests) => {
      if (requests < 7) rows.splice(0, 1);
    });
    expectAllRead(read);
  });

  test('when users that stand at random are deleted now and then', async () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 40; round += 1) {
      const read = await readWhile((rows) => {
        if (random(3) === 0) rows.splice(random(rows.length), 1 + random(12));
      });
      expectAllRead(read);
    }
  });
});

test('pages that count nothing are no fall, and hide none', async () => {
  for (const silent of [1, 2, 5]) {
    let answered = 0;
    const count = (rows: number) => (answered >= 5 && answered < 5 + silent ? undefined : rows);
    const readWithDeletion = (boundary: number) => {
      answered = 0;
      const change = (rows: WireUser[], requests: number) => {
        answered = requests;
        if (requests === boundary) rows.splice(0, 3);
      };
      return readWhile(change, { count });
    };
    const still = await readWithDeletion(0);
    expectAllRead(still);
    expect(still.requests).toBe(14);
    for (let boundary = 5; boundary <= 5 + silent; boundary += 1) {
      expectAllRead(await readWithDeletion(boundary));
    }
  }
});

test('users that vanish behind every single page end the list, complete or told as drift', async () => {
  for (const perPage of [1, 2, 10]) {
    for (const deleted of [1, 2, 5]) {
      const read = await readWhile((rows) => void rows.splice(0, deleted), { perPage, users: 400 });
      expect(['complete', 'drift']).toContain(read.end);
      expect(read.requests).toBeLessThan(2_000);
      if (read.end === 'complete') expectAllRead(read);
    }
  }
});

test('a workspace whose users come and go in equal number ends as drift, in bounded requests', async () => {
  let next = 0;
  const read = await readWhile(
    (rows, requests) => {
      // As if the count fell and rose again for ever.
      if (requests % 2 === 1) rows.splice(0, 15);
      else rows.push(...Array.from({ length: 15 }, () => ({ id: `late${next++}` })));
    },
    { perPage: 10, users: 300 },
  );
  expect(read.end).toBe('drift');
  expect(read.requests).toBeLessThan(500);
});

describe('a list that is resumed', () => {
  test('goes on behind the page it was at', async () => {
    const server = await serveTable({ rows: manyUsers(137) });
    const whole = await readAll(openList(server.url), LIST);
    const resume = { next: whole.pages[0]?.next ?? '', totalCount: 137 };
    const pass = { ...LIST, resume };
    const rest = await readAll(openList(server.url), pass);
    expect(rest.ids).toEqual(whole.ids.slice(50));
    expect(rest.pages[0]?.page).toBe(2);
  });

  test('goes back by as many users as were deleted while it was away', async () => {
    for (const deleted of [1, 49, 50, 51, 100]) {
      const rows = manyUsers(200);
      const server = await serveTable({ rows });
      const first = (await readAll(openList(server.url), LIST)).pages.slice(0, 3);
      rows.splice(0, deleted);
      const resume = { next: first[2]?.next ?? '', totalCount: 200 };
      const rest = await readAll(openList(server.url), { ...LIST, resume });
      const seen = [...first.flatMap((page) => page.users.map(({ id }) => id)), ...rest.ids];
      expect(idsOf(rows).filter((id) => !seen.includes(id))).toEqual([]);
    }
  });
});
