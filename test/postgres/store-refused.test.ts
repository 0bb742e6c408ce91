import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listOpenRejects } from '../../src/postgres/rejects.ts';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;
let sequence = 0;

beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
});
afterAll(() => opened.close());

const write = (users: Parameters<typeof pageOf>[2], changes = {}) => {
  sequence += 1;
  return opened.store.writePage(pageOf(runId, sequence, users, changes));
};
const openRejects = () => listOpenRejects(opened.database, 'default', null, 1000);
const countUsers = (like: string) =>
  opened.value<number>('select count(*)::int from intercom.users where id like $1', [like]);

// Each is JSON to JavaScript and not to Postgres: it refuses the whole text that one of them is in.
const UNFIT = {
  '22003': (id: string) => `{"id":"${id}","n":1e999999}`,
  '22P05': (id: string) => `{"id":"${id}","s":"\\u0000"}`,
  '22P02': (id: string) => `{"id":"${id}","s":"\\ud800"}`,
  '54001': (id: string) => `{"id":"${id}","a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
  '54000': (id: string) => `{"id":"${id}","s":"fits, but its id does not fit the index"}`,
};

describe('a user that Postgres refuses', () => {
  test.each(Object.entries(UNFIT))('with %s is set aside alone', async (sqlstate, unfit) => {
    const id = sqlstate === '54000' ? randomText(9000) : `bad ${sqlstate}`;
    const counts = await write([{ id: `a ${sqlstate}` }, unfit(id), { id: `b ${sqlstate}` }]);
    expect(counts).toMatchObject({ users: 3, inserted: 2, rejected: 1 });
    const reject = (await openRejects()).find(({ userId }) => userId === id);
    expect(reject).toMatchObject({ reason: `sqlstate ${sqlstate}`, payload: unfit(id), runId });
  });

  test('costs no good one: two bad of a hundred', async () => {
    const users = Array.from({ length: 100 }, (_, at) =>
      at === 13 || at === 77 ? UNFIT['22003'](`hundred-bad-${at}`) : { id: `hundred-${at}` },
    );
    expect(await write(users)).toEqual({
      users: 100,
      inserted: 98,
      updated: 0,
      unchanged: 0,
      duplicates: 0,
      rejected: 2,
    });
    expect(await countUsers('hundred-%')).toBe(98);
  });

  test('may be all of them', async () => {
    const users = Array.from({ length: 20 }, (_, at) => UNFIT['22P05'](`whole-${at}`));
    expect(await write(users)).toMatchObject({ users: 20, inserted: 0, rejected: 20 });
    expect(await countUsers('whole-%')).toBe(0);
  });

  test('costs none although it was not even chosen', async () => {
    const counts = await write([UNFIT['22003']('copy'), { id: 'copy', n: 1 }], {
      chosen: [{ id: 'copy', position: 1, isRepeat: false }],
      repeatsInPage: 1,
    });
    expect(counts).toMatchObject({ inserted: 1, duplicates: 1, rejected: 0 });
  });

  test('is in one count although it was seen before', async () => {
    const counts = await write([UNFIT['22003']('repeat'), { id: 'repeat-2' }], {
      chosen: [
        { id: 'repeat', position: 0, isRepeat: true },
        { id: 'repeat-2', position: 1, isRepeat: true },
      ],
    });
    expect(counts).toMatchObject({ users: 2, duplicates: 1, rejected: 1, inserted: 0 });
  });

  test('outside of a pass is set aside for the running run', async () => {
    const { body, userTexts, chosen, plausibleUntil } = pageOf(runId, 0, [
      UNFIT['22003']('hydrated'),
      { id: 'hydrated-2' },
    ]);
    await opened.store.writeUsers({ body, userTexts, chosen, plausibleUntil });
    expect(await countUsers('hydrated%')).toBe(1);
    expect((await openRejects()).find(({ userId }) => userId === 'hydrated')).toMatchObject({
      runId,
    });
  });
});

test('a user that is refused while no run runs is of none', async () => {
  const finished = { status: 'failed', watermark: null, deleted: 0, isOver: true } as const;
  await opened.store.finishRun({ runId, ...finished, errorKind: null, errorMessage: null });
  await opened.store.writeUsers(pageOf(runId, 0, [UNFIT['22003']('between')]));
  expect((await openRejects()).find(({ userId }) => userId === 'between')?.runId).toBeNull();
  runId = await opened.store.startRun(FULL_RUN);
  sequence = 0;
});

describe('an open reject', () => {
  const rowsOf = (userId: string) =>
    opened.rows('select * from intercom.rejected_users where user_id = $1 order by id', [userId]);

  test('that is met again says so in place', async () => {
    await write([UNFIT['22003']('again')]);
    const [first] = await rowsOf('again');
    const next = await opened.store.startRun(FULL_RUN);
    await opened.store.writePage(pageOf(next, 1, [UNFIT['22P05']('again')]));
    const found = await rowsOf('again');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      id: first?.id,
      run_id: next,
      reason: 'sqlstate 22P05',
      payload: UNFIT['22P05']('again'),
      first_seen_at: first?.first_seen_at,
    });
    expect(found[0]?.last_seen_at).not.toEqual(first?.last_seen_at);
    runId = next;
    sequence = 1;
  });

  test('is resolved when the user can be stored, and a new one can be opened', async () => {
    await write([UNFIT['22003']('healed')]);
    await write([{ id: 'healed' }]);
    expect(await rowsOf('healed')).toMatchObject([{ resolved_at: expect.any(Date) }]);
    await write([UNFIT['22003']('healed')]);
    expect(await rowsOf('healed')).toMatchObject([
      { resolved_at: expect.any(Date) },
      { resolved_at: null },
    ]);
    await opened.store.writeUsers(pageOf(runId, 0, [{ id: 'healed' }]));
    expect((await rowsOf('healed')).every((row) => row.resolved_at !== null)).toBe(true);
  });

  test('without an id is known by its text', async () => {
    const nameless = { name: 'no id', id: null };
    const reject = { position: 0, userId: null, reason: 'id: must be a non-empty string' };
    for (const times of [1, 2]) {
      await write([nameless, nameless, { other: times }], {
        chosen: [],
        seenIds: [],
        rejects: [reject, { ...reject, position: 1 }, { ...reject, position: 2 }],
      });
    }
    expect(
      await opened.rows(
        `select payload from intercom.rejected_users where user_id is null order by id`,
      ),
    ).toEqual([
      { payload: JSON.stringify(nameless) },
      { payload: '{"other":1}' },
      { payload: '{"other":2}' },
    ]);
  });
});

/** Text that does not compress, or the index would take it. */
function randomText(length: number): string {
  let seed = 1;
  return Array.from({ length }, () => {
    seed = (seed * 48271) % 2147483647;
    return String.fromCharCode(0x4e00 + (seed % 20_000));
  }).join('');
}
