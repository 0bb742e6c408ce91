import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FULL_RUN, NOW_SECONDS, type Opened, openTestStore, pageOf } from './opened.ts';

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

const AT = NOW_SECONDS;
const cases: {
  fact: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
  isDeleted?: boolean;
  becomes: 'updated' | 'unchanged';
  wins: 'before' | 'after';
}[] = [
  {
    fact: 'the same copy is left alone',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT, name: 'a' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a newer copy wins',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT + 1, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'an older copy does not',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT - 1, name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'another content in the same second wins',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a copy without a time does not win over one with it',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: null, name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a copy whose time is missing does not either',
    before: { updated_at: AT, name: 'a' },
    after: { name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a copy from the future does not either',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT + 1e8, name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a copy in milliseconds does not either',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT * 1000, name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a copy whose time is text does not either',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: '2030-01-01', name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a good copy wins over one without a time',
    before: { updated_at: null, name: 'a' },
    after: { updated_at: AT, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a good copy wins over one from the future',
    before: { updated_at: AT + 1e8, name: 'a' },
    after: { updated_at: AT, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a good copy wins over one in milliseconds',
    before: { updated_at: AT * 1000, name: 'a' },
    after: { updated_at: AT, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'of two without a plausible time the later wins',
    before: { updated_at: AT + 1e8, name: 'a' },
    after: { updated_at: null, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a time at the very edge is plausible',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT + 3600, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a time a second past the edge is not',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT + 3601, name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a time at the very edge is plausible in the table, too',
    before: { updated_at: AT + 3600, name: 'a' },
    after: { updated_at: AT, name: 'b' },
    becomes: 'unchanged',
    wins: 'before',
  },
  {
    fact: 'a time a second past the edge is not in the table, either',
    before: { updated_at: AT + 3601, name: 'a' },
    after: { updated_at: AT, name: 'b' },
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a deleted user seen again is live again',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT, name: 'a' },
    isDeleted: true,
    becomes: 'updated',
    wins: 'before',
  },
  {
    fact: 'a deleted user seen again changed takes the change',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT + 1, name: 'b' },
    isDeleted: true,
    becomes: 'updated',
    wins: 'after',
  },
  {
    fact: 'a deleted user seen again in an older copy keeps its content',
    before: { updated_at: AT, name: 'a' },
    after: { updated_at: AT - 1, name: 'b' },
    isDeleted: true,
    becomes: 'updated',
    wins: 'before',
  },
  {
    fact: 'keys in another order are the same content',
    before: { name: 'a', n: 1 },
    after: { n: 1, name: 'a' },
    becomes: 'unchanged',
    wins: 'before',
  },
];

describe('which copy of a user is kept', () => {
  test.each(cases)('$fact', async ({ fact, before, after, isDeleted, becomes, wins }) => {
    const id = `case ${fact}`;
    expect(await write([{ id, ...before }])).toMatchObject({ inserted: 1 });
    if (isDeleted) await opened.store.markDeleted(runId, [id]);
    const first = await stored(id);

    expect(await write([{ id, ...after }])).toMatchObject({ users: 1, inserted: 0, [becomes]: 1 });

    const second = await stored(id);
    expect(second?.raw).toEqual({ id, ...(wins === 'before' ? before : after) });
    expect(second?.deleted_at).toBeNull();
    expect(second?.first_synced_at).toEqual(first?.first_synced_at);
    expect(second?.version === first?.version).toBe(becomes === 'unchanged');
  });

  test('a change moves last_changed_at and nothing else of the bookkeeping', async () => {
    await write([{ id: 'moves', n: 1 }]);
    const first = await stored('moves');
    await write([{ id: 'moves', n: 2 }]);
    const second = await stored('moves');
    expect(second?.last_changed_at).not.toEqual(first?.last_changed_at);
    expect(second).toMatchObject({
      first_synced_at: first?.first_synced_at,
      source: 'users',
      merged_into: null,
    });
  });

  test('a contact that is seen as a user is one again, and merged no more', async () => {
    await write([{ id: 'merged', n: 1 }]);
    await opened.rows(`update intercom.users set source = 'contacts', merged_into = 'x'
      where id = 'merged'`);
    await write([{ id: 'merged', n: 2 }]);
    expect(await stored('merged')).toMatchObject({ source: 'users', merged_into: null });
  });

  test('the same id in another workspace is another user', async () => {
    await opened.rows(`insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at)
      values ('other', 'shared', 'users', '{"id":"shared","name":"theirs"}', now(), now())`);
    expect(await write([{ id: 'shared', name: 'ours' }])).toMatchObject({ inserted: 1 });
    expect(await opened.value(`select name from intercom.users where workspace = 'other'`)).toBe(
      'theirs',
    );
  });
});
