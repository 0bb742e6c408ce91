import { afterAll, beforeAll, expect, test } from 'vitest';
import { Interrupted } from '../../src/errors.ts';
import { listOpenRejects } from '../../src/postgres/rejects.ts';
import { replayRejects } from '../../src/postgres/replay.ts';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;
let sequence = 0;

beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
});
afterAll(() => opened.close());

const write = (...users: Parameters<typeof pageOf>[2]) => {
  sequence += 1;
  return opened.store.writePage(pageOf(runId, sequence, users));
};
const bad = (id: string) => `{"id":"${id}","n":1e999999}`;
const list = async (afterId: string | null, count: number) =>
  (await listOpenRejects(opened.database, 'default', afterId, count)).map(({ id, userId }) => {
    return { id, userId };
  });

test('open rejects are listed oldest first, also when one is met again, in bounded pages', async () => {
  await write(bad('a'), bad('b'), bad('c'), bad('d'));
  await write(bad('a'));
  const all = await list(null, 9);
  expect(all.map(({ userId }) => userId)).toEqual(['a', 'b', 'c', 'd']);
  expect(await list(null, 2)).toEqual(all.slice(0, 2));
  expect(await list(all[1]?.id ?? '', 2)).toEqual(all.slice(2));
  expect(await list(all[3]?.id ?? '', 2)).toEqual([]);
});

test('a reject that is resolved is listed no more, and keeps its time', async () => {
  const resolved = () =>
    opened.rows(`select id, resolved_at from intercom.rejected_users
      where resolved_at is not null order by id`);
  await write({ id: 'a' });
  const [first] = await resolved();
  expect((await list(null, 9)).map(({ userId }) => userId)).toEqual(['b', 'c', 'd']);
  await write(bad('a'));
  await write({ id: 'a' });
  expect(await resolved()).toEqual([first, expect.anything()]);
});

test('a user that is marked as deleted is set aside no more, and no replay brings it back', async () => {
  await write({ id: 'gone' });
  await write(bad('gone'));
  await opened.store.markDeleted(runId, ['gone']);
  expect((await list(null, 9)).map(({ userId }) => userId)).not.toContain('gone');
});

test('a replay that is stopped tries nobody else, and what is not tried stays open', async () => {
  await write(bad('e'));
  const before = await list(null, 9);
  const stop = AbortSignal.abort(new Interrupted('SIGTERM'));
  const replay = { workspace: 'default', plausibleUntil: new Date(), stop };
  await expect(replayRejects(opened.database, opened.store, replay)).rejects.toBeInstanceOf(
    Interrupted,
  );
  expect(await list(null, 9)).toEqual(before);
});
