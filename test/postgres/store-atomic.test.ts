import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/postgres/store.ts';
import { FULL_RUN, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;
let sequence: number;

beforeEach(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
  sequence = 0;
});
afterEach(async () => {
  stopInterfering();
  await opened.close();
});

const BAD = '{"id":"bad","n":1e999999}';
const OTHER_BAD = '{"id":"other bad","n":1e999999}';

/** Every round trip that a page can need: users, resolved rejects, rejects, checkpoint. */
const pages = {
  'a page': () =>
    pageOf(runId, sequence, [{ id: 'new' }, { id: 'known', n: sequence }, { id: 'bad' }, {}], {
      chosen: ['new', 'known', 'bad'].map((id, position) => ({ id, position, isRepeat: false })),
      rejects: [{ position: 3, userId: null, reason: 'id: must be a non-empty string' }],
    }),
  'a page that Postgres refuses': () =>
    pageOf(runId, sequence, [
      { id: 'new' },
      OTHER_BAD,
      { id: 'known', n: sequence },
      { id: 'bad' },
    ]),
};

/** Whatever a page may leave behind. */
const everything = () =>
  opened.rows(`
    select 'user' as what, id, raw::text, xmin::text as version from intercom.users union all
    select 'checkpoint', sequence::text, inserted::text, null from intercom.sync_checkpoints union all
    select 'reject', user_id, payload, resolved_at::text from intercom.rejected_users
    order by 1, 2, 3`);

async function prepare(): Promise<void> {
  sequence += 1;
  await opened.store.writePage(pageOf(runId, sequence, [{ id: 'known', n: sequence }, BAD]));
  await opened.rows(`delete from intercom.users where id in ('new', 'bad')`);
  sequence += 1;
}

describe.each(Object.entries(pages))('%s', (_, makePage) => {
  test('whose Nth round trip fails leaves nothing, for every N', async () => {
    for (let nth = 1; ; nth += 1) {
      await prepare();
      const before = await everything();
      const met = interfere(nth, 'refused');
      const outcome = await opened.store.writePage(makePage()).catch((error: unknown) => error);
      const statement = met();
      if (statement === null) {
        expect(nth).toBeGreaterThan(4);
        return;
      }
      if (statement === 'rollback') {
        // Of the first, refused try: the server rolls back by itself when the connection goes.
        expect(outcome).toMatchObject({ users: 4, inserted: 2, rejected: 1 });
        continue;
      }
      expect(outcome).toMatchObject({ name: 'SyncError', kind: 'database', sqlstate: 'XX000' });
      expect(await everything()).toEqual(before);
    }
  });

  test.each(['cut before', 'cut after'] as const)(
    'whose connection is %s the Nth round trip lands once, for every N',
    async (how) => {
      await prepare();
      const counts = await opened.store.writePage(makePage());
      for (let nth = 1; ; nth += 1) {
        await prepare();
        const met = interfere(nth, how);
        expect(await opened.store.writePage(makePage())).toEqual(counts);
        if (met() === null) {
          expect(nth).toBeGreaterThan(4);
          return;
        }
        const checkpoints = await opened.rows(
          'select inserted, rejected, users from intercom.sync_checkpoints where run_id = $1 and sequence = $2',
          [runId, sequence],
        );
        const { inserted, rejected, users } = counts;
        expect(checkpoints).toEqual([{ inserted, rejected, users }]);
      }
    },
  );
});

test('two transactions in each other’s way are done again', async () => {
  for (const sqlstate of ['40001', '40P01']) {
    sequence += 1;
    const met = interfere(2, 'refused', sqlstate);
    expect(await opened.store.writePage(pageOf(runId, sequence, [{ id: sqlstate }]))).toMatchObject(
      {
        inserted: 1,
      },
    );
    expect(met()).not.toBeNull();
  }
});

test('a lost lease ends the tries to reconnect with its own reason', async () => {
  const lost = new AbortController();
  const store = openStore(opened.database, {
    ...opened.lease,
    lost: lost.signal,
  });
  lost.abort(new Error('gone'));
  for (const work of [
    () => store.writePage(pageOf(runId, 1, [{ id: 'late' }])),
    () => store.countLiveUsers(),
  ]) {
    interfere(1, 'cut before');
    await expect(work()).rejects.toThrow('gone');
  }
  expect(await opened.value('select count(*)::int from intercom.users')).toBe(0);
});

// The driver's own method is replaced, so that nothing of ours has to be made for a test.
const { query } = pg.Client.prototype;

type Interference = 'refused' | 'cut before' | 'cut after';

/** Does this to the Nth round trip of this program from now on; says which it was. */
function interfere(nth: number, how: Interference, sqlstate = 'XX000'): () => string | null {
  let count = 0;
  let met: string | null = null;
  const replacement = function (this: pg.Client, ...args: unknown[]): unknown {
    const send = () => Reflect.apply(query, this, args);
    if (!isOfProgram(this)) return send();
    count += 1;
    if (count !== nth) return send();
    met = textOf(args[0]);
    const fault = how === 'refused' ? serverError(sqlstate) : new Error('Connection terminated');
    const cut = () => how !== 'refused' && socketOf(this).destroy();
    return isBatch(args[0])
      ? spoilBatch(args[0], how, fault, cut, send)
      : spoilQuery(how, fault, cut, send);
  };
  pg.Client.prototype.query = replacement as typeof query;
  return () => {
    stopInterfering();
    return met;
  };
}

type Spoiling = readonly [how: Interference, fault: Error, cut: () => void, send: () => unknown];

async function spoilQuery(...[how, fault, cut, send]: Spoiling): Promise<never> {
  if (how === 'cut after') await send();
  cut();
  throw fault;
}

function spoilBatch(batch: Batch, ...[how, fault, cut, send]: Spoiling): void {
  const spoil = () => {
    cut();
    batch.handleError(fault);
  };
  if (how !== 'cut after') return void setImmediate(spoil);
  batch.handleReadyForQuery = spoil;
  send();
}

/** What the driver tells of an answer: one for all of its statements. */
interface Batch {
  handleError(error: Error): void;
  handleReadyForQuery(): void;
}

function isBatch(asked: unknown): asked is Batch {
  return typeof asked === 'object' && asked !== null && 'submit' in asked;
}

function socketOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
}

/** A text, a query of Drizzle's, or a batch of statements. */
function textOf(statement: unknown): string {
  if (typeof statement === 'string') return statement;
  return (statement as { text?: string }).text ?? 'a batch';
}

function stopInterfering(): void {
  pg.Client.prototype.query = query;
}

function isOfProgram(client: pg.Client): boolean {
  const { connectionParameters } = client as unknown as {
    connectionParameters: { application_name?: string };
  };
  return connectionParameters.application_name === 'intercom-sync';
}

function serverError(sqlstate: string): pg.DatabaseError {
  const error = new pg.DatabaseError('a planted error', 15, 'error');
  error.code = sqlstate;
  return error;
}
