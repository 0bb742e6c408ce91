import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { runReadOnlyQuery } from '../../src/postgres/query.ts';
import { readStatus } from '../../src/postgres/status.ts';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;
beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
  await opened.store.writePage(
    pageOf(runId, 1, [
      { id: 'a' },
      { id: 'b', n: 12345678901234567890n.toString() },
      '{"id":"bad","n":1e999999}',
    ]),
  );
});
afterAll(() => opened.close());

const ask = (question: string, rowsMax?: number) =>
  runReadOnlyQuery(opened.database, question, rowsMax);
const names = async () =>
  (await opened.rows('select id from intercom.users order by id')).map((row) => row.id);

describe('a question', () => {
  test('is answered by columns and rows, as Postgres prints them', async () => {
    const answer =
      await ask(`select 7 as n, 'x' as t, null as nothing, true as b, 12345678901234567890 as many,
      '{"a": 0.10}'::jsonb as j, timestamptz '2026-01-01 00:00:00+00' at time zone 'UTC' as at, array[1,2] as list;`);
    expect(answer).toEqual({
      columns: ['n', 't', 'nothing', 'b', 'many', 'j', 'at', 'list'],
      rows: [
        [7, 'x', null, true, '12345678901234567890', '{"a": 0.10}', '2026-01-01 00:00:00', '{1,2}'],
      ],
      truncated: false,
    });
  });

  test('may have columns of one name, and no rows', async () => {
    expect(await ask('select 1 as a, 2 as a')).toMatchObject({
      columns: ['a', 'a'],
      rows: [[1, 2]],
    });
    expect(await ask('select 1 as a where false')).toEqual({
      columns: ['a'],
      rows: [],
      truncated: false,
    });
  });

  test('is answered in so many rows and no more', async () => {
    expect(await ask('select generate_series(1, 3) as n', 2)).toEqual({
      columns: ['n'],
      rows: [[1], [2]],
      truncated: true,
    });
    expect(await ask('select generate_series(1, 2) as n', 2)).toMatchObject({ truncated: false });
    expect((await ask('select generate_series(1, 1000000000) as n')).rows).toHaveLength(1000);
  });

  test('is cut short where its rows are large, however few they are', async () => {
    const large = await ask(`select repeat('x', 8000000) from generate_series(1, 500)`);
    expect(large.truncated).toBe(true);
    // 1, 2, 4 and 8 rows: more than 64 MiB, and the next 16 would be twice that.
    expect(large.rows).toHaveLength(15);
  });

  test.each([
    'delete from intercom.users',
    'with gone as (delete from intercom.users returning 1) select * from gone',
    'select 1; delete from intercom.users',
    'select 1; commit; delete from intercom.users',
    'drop table intercom.users',
    "select nextval('intercom.sync_runs_id_seq')",
    '',
  ])('cannot write: %s', async (question) => {
    const before = await names();
    await expect(ask(question)).rejects.toMatchObject({ kind: 'settings' });
    expect(await names()).toEqual(before);
  });

  test('is rolled back, for what a read-only transaction lets through', async () => {
    // Postgres 15 does, later ones refuse.
    await ask('select lo_create(0)').catch(() => undefined);
    expect(await opened.value('select count(*)::int from pg_largeobject_metadata')).toBe(0);
  });

  test('leaves no setting behind', async () => {
    await ask(`select set_config('application_name', 'changed', false)`);
    expect((await ask(`select current_setting('application_name')`)).rows).toEqual([
      ['intercom-sync'],
    ]);
  });

  test('has a bound in time', async () => {
    expect((await ask(`select current_setting('statement_timeout')`)).rows).toEqual([['50s']]);
  });

  test('whose connection is lost is no mistake of whoever asked', async () => {
    const lost = ask('select pg_terminate_backend(pg_backend_pid())');
    await expect(lost).rejects.toMatchObject({ kind: 'database', exitCode: 5 });
  });

  test('that fails is told in the words of Postgres', async () => {
    await expect(ask('select nme from intercom.users')).rejects.toMatchObject({
      message: expect.stringContaining('column "nme" does not exist'),
      hint: expect.stringContaining('name'),
    });
    await expect(ask('select 1/(n-1) from generate_series(1, 2) n')).rejects.toThrow(
      'division by zero',
    );
  });
});

test('a question with a parameter is the fault of whoever asks', async () => {
  await expect(ask('select $1')).rejects.toMatchObject({ kind: 'settings' });
});

test('a question that the database never answers is the fault of the database', async () => {
  const hasty = openDatabase(opened.url, { answerMaxMs: 300 });
  try {
    const answer = runReadOnlyQuery(hasty, 'select pg_sleep(2)');
    await expect(answer).rejects.toMatchObject({ kind: 'database', sqlstate: null });
  } finally {
    await hasty.close();
  }
});

describe('the status', () => {
  test('tells a running run by its checkpoints so far, and who holds the workspace', async () => {
    const [status, ...others] = await readStatus(opened.database);
    expect(others).toEqual([]);
    expect(status).toMatchObject({
      workspace: 'default',
      appId: null,
      watermark: null,
      liveUsers: 2,
      openRejects: 1,
      holder: { owner: 'test:1', expiresAt: expect.any(Date) },
    });
    expect(status?.runs).toMatchObject([
      {
        id: runId,
        mode: 'full',
        status: 'running',
        pages: 1,
        users: 3,
        inserted: 2,
        rejected: 1,
        finishedAt: null,
      },
    ]);
  });

  test('has the newest runs first, and only so many', async () => {
    const watermark = new Date('2026-06-01T00:00:00Z');
    await opened.store.markDeleted(runId, ['a']);
    await opened.store.finishRun({
      runId,
      status: 'succeeded',
      watermark,
      isOver: true,
      errorKind: null,
      errorMessage: null,
    });
    const later = await opened.store.startRun({ ...FULL_RUN, mode: 'incremental' });
    await opened.store.finishRun({
      runId: later,
      status: 'failed',
      watermark: null,
      isOver: true,
      errorKind: 'source',
      errorMessage: 'no answer',
    });
    await opened.store.bindApp('app');
    const [status] = await readStatus(opened.database);
    expect(status).toMatchObject({ appId: 'app', watermark });
    expect(status?.runs).toMatchObject([
      { id: later, status: 'failed', errorKind: 'source', errorMessage: 'no answer' },
      {
        id: runId,
        status: 'succeeded',
        users: 3,
        deleted: 1,
        watermark,
        finishedAt: expect.any(Date),
      },
    ]);
    expect((await readStatus(opened.database, 1))[0]?.runs).toHaveLength(1);
    await opened.store.release();
    expect((await readStatus(opened.database))[0]?.holder).toBeNull();
  });
});
