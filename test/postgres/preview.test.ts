import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { openPreviewStore } from '../../src/postgres/preview.ts';
import { createEmptyDatabase } from '../support/postgres.ts';
import { FULL_RUN, NOW_SECONDS, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;
beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
  await opened.store.bindApp('app');
});
afterAll(() => opened.close());

const everything = () =>
  opened.rows(`select (select json_agg(u order by id) from intercom.users u) as users,
    (select json_agg(r) from intercom.sync_runs r) as runs,
    (select json_agg(c order by sequence) from intercom.sync_checkpoints c) as checkpoints,
    (select json_agg(l) from intercom.sync_leases l) as leases,
    (select json_agg(x) from intercom.rejected_users x) as rejects`);

test('a preview counts what the store then does, and writes nothing', async () => {
  const at = NOW_SECONDS;
  await opened.store.writePage(
    pageOf(runId, 1, [
      { id: 'same', updated_at: at },
      { id: 'changed', updated_at: at },
      { id: 'older', updated_at: at },
      { id: 'deleted', updated_at: at },
    ]),
  );
  await opened.store.markDeleted(runId, ['deleted']);
  const page = pageOf(runId, 2, [
    { id: 'same', updated_at: at },
    { id: 'changed', updated_at: at + 1 },
    { id: 'older', updated_at: at - 1, name: 'old' },
    { id: 'deleted', updated_at: at },
    { id: 'new' },
    '{"id":"bad","n":1e999999}',
  ]);
  const before = await everything();
  const preview = openPreviewStore(opened.database, 'default');
  const previewRunId = await preview.startRun(FULL_RUN);
  const counts = await preview.writePage({ ...page, runId: previewRunId });
  await preview.markDeleted(previewRunId, ['same']);
  await preview.prune(0);
  const totals = await preview.finishRun({
    runId: previewRunId,
    status: 'succeeded',
    watermark: new Date(),
    isOver: true,
    errorKind: null,
    errorMessage: null,
  });
  expect(await everything()).toEqual(before);
  expect(counts).toEqual({
    users: 6,
    inserted: 1,
    updated: 2,
    unchanged: 2,
    duplicates: 0,
    rejected: 1,
  });
  expect(totals).toEqual({ ...counts, pages: 1 });
  expect(await opened.store.writePage(page)).toEqual(counts);
});

test('a preview asks in transactions that cannot write, whatever is asked', async () => {
  const { query } = pg.Client.prototype;
  const begun: string[] = [];
  const listening = function (this: pg.Client, ...args: unknown[]): unknown {
    if (String(args[0]).startsWith('begin')) begun.push(String(args[0]));
    return Reflect.apply(query, this, args);
  };
  pg.Client.prototype.query = listening as typeof query;
  await openPreviewStore(opened.database, 'default').writePage(pageOf(runId, 9, [{ id: 'a' }]));
  pg.Client.prototype.query = query;
  expect(begun.length).toBeGreaterThan(0);
  expect(begun.filter((statement) => !statement.includes('read only'))).toEqual([]);
});

test('a preview knows what the store knows', async () => {
  const preview = openPreviewStore(opened.database, 'default');
  expect((await preview.workspace()).unfinished?.id).toBe(runId);
  expect(await preview.bindApp('other')).toBe('app');
  expect(await preview.countLiveUsers()).toBe(await opened.store.countLiveUsers());
  const seen = new Set<string>();
  for await (const ids of preview.seenIds(runId)) for (const id of ids) seen.add(id);
  expect(seen.size).toBe(await opened.store.countSeen(runId));
});

test('without a schema every user would be inserted, and none is made', async () => {
  const empty = await createEmptyDatabase();
  const database = openDatabase(empty.url);
  const preview = openPreviewStore(database, 'default');
  expect(await preview.workspace()).toMatchObject({
    appId: null,
    watermark: null,
    unfinished: null,
  });
  expect(await preview.bindApp('app')).toBe('app');
  expect(await preview.countLiveUsers()).toBe(0);
  for await (const ids of preview.seenIds('1')) expect(ids).toEqual([]);
  expect(await preview.writePage(pageOf('preview', 1, [{ id: 'a' }, { id: 'b' }]))).toMatchObject({
    inserted: 2,
  });
  const schemas = await database.transaction(({ $client }) =>
    $client.query(`select 1 from pg_namespace where nspname in ('intercom', 'drizzle')`),
  );
  expect(schemas.rows).toEqual([]);
  await database.close();
  await empty.drop();
});
