import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
const stored = async (id: string) =>
  (
    await opened.rows<{
      raw: Record<string, unknown>;
      deleted_at: Date | null;
      [key: string]: unknown;
    }>(
      `select *, xmin::text as version from intercom.users where workspace = 'default' and id = $1`,
      [id],
    )
  )[0];

describe('what of a page is written', () => {
  test('only the chosen copies are, and each user is in one count', async () => {
    await write([
      { id: 'known', n: 1 },
      { id: 'changed', n: 1 },
      { id: 'again', n: 1 },
    ]);
    const texts = [
      { id: 'twice', n: 1 },
      { id: 'known', n: 1 },
      { id: 'twice', n: 2 },
      { id: 'changed', n: 2 },
      { id: 'again', n: 2 },
      { id: '', n: 1 },
    ];
    const counts = await write(texts, {
      chosen: [
        { id: 'known', position: 1, isRepeat: false },
        { id: 'twice', position: 2, isRepeat: false },
        { id: 'changed', position: 3, isRepeat: false },
        { id: 'again', position: 4, isRepeat: true },
      ],
      repeatsInPage: 1,
      rejects: [{ position: 5, userId: null, reason: 'id: must be a non-empty string' }],
    });
    expect(counts).toEqual({
      users: 6,
      inserted: 1,
      updated: 1,
      unchanged: 1,
      duplicates: 2,
      rejected: 1,
    });
    expect((await stored('twice'))?.raw).toEqual({ id: 'twice', n: 2 });
    expect((await stored('again'))?.raw).toEqual({ id: 'again', n: 2 });
  });

  test.each([
    ['fewer than its users', { users: 2 }],
    ['more than its users', { repeatsInPage: 1 }],
    [
      'a user who is not on it',
      { users: 2, rejects: [{ position: 1, userId: null, reason: 'id: none' }] },
    ],
  ])('a page that adds up to %s is a bug and leaves nothing', async (_, changes) => {
    await expect(write([{ id: 'lonely' }], changes)).rejects.toThrow(/adds up to|at position 1/);
    expect(await stored('lonely')).toBeUndefined();
  });

  test('numbers keep every digit', async () => {
    const text = `{"id":"digits","custom_attributes":{"long":123456789012345678901234567890,"fraction":0.1000000000000000055511151231257827021181583404541015625,"huge":1e400}}`;
    await write([text]);
    const raw = await opened.value<string>(
      `select raw->'custom_attributes' #>> '{}' from intercom.users where id = 'digits'`,
    );
    expect(raw).toContain('123456789012345678901234567890');
    expect(raw).toContain('0.1000000000000000055511151231257827021181583404541015625');
    expect(raw).toContain(`1${'0'.repeat(400)}`);
  });

  test('an empty page is a checkpoint', async () => {
    expect(await write([])).toEqual({
      users: 0,
      inserted: 0,
      updated: 0,
      unchanged: 0,
      duplicates: 0,
      rejected: 0,
    });
    expect(
      await opened.value(
        'select count(*)::int from intercom.sync_checkpoints where run_id = $1 and sequence = $2',
        [runId, sequence],
      ),
    ).toBe(1);
  });

  test('the same page again answers the same counts and writes nothing', async () => {
    sequence += 1;
    const page = pageOf(runId, sequence, [{ id: 'first time' }]);
    const counts = await opened.store.writePage(page);
    expect(counts.inserted).toBe(1);
    const before = await stored('first time');
    expect(await opened.store.writePage(page)).toEqual(counts);
    expect(await stored('first time')).toEqual(before);
  });

  test('ids may hold anything that text can', async () => {
    const ids = [
      'a"b',
      "a'b",
      'a\\b',
      '{a,b}',
      'NULL',
      ' ',
      '💩',
      'x'.repeat(2000),
      'null',
      '%s $1',
    ];
    const users = ids.map((id) => ({ id }));
    const chosen = ids.map((id, position) => ({ id, position, isRepeat: false }));
    expect(await write(users, { chosen, seenIds: ids })).toMatchObject({ inserted: ids.length });
    const seen = await opened.value<string[]>(
      'select seen_ids from intercom.sync_checkpoints where run_id = $1 and sequence = $2',
      [runId, sequence],
    );
    expect(seen).toEqual(ids);
    expect(await opened.store.markDeleted(runId, ids)).toBe(ids.length);
  });

  test('a count that makes no sense does not cost the page', async () => {
    expect(await write([{ id: 'odd count' }], { totalCount: 1e30, page: 0.5 })).toMatchObject({
      inserted: 1,
    });
  });
});

test('a checkpoint that lacks something is not told as a lost lease', async () => {
  const page = { ...pageOf(runId, 900, []), pass: null as never };
  await expect(opened.store.writePage(page)).rejects.toMatchObject({
    kind: 'database',
    column: 'pass',
  });
});
