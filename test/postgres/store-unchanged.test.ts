import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transaction } from '../../src/postgres/transaction.ts';
import { upsertUsers } from '../../src/postgres/users.ts';
import { FULL_RUN, NOW_SECONDS, type Opened, openTestStore, pageOf } from './opened.ts';

let opened: Opened;
let runId: string;

beforeAll(async () => {
  opened = await openTestStore();
  runId = await opened.store.startRun(FULL_RUN);
  await opened.store.writePage(pageOf(runId, 1, people('as it was')));
});
afterAll(() => opened.close());

const USERS = 60;
const people = (name: string) =>
  Array.from({ length: USERS }, (_, at) => ({
    id: `user-${at}`,
    name,
    updated_at: NOW_SECONDS,
    custom_attributes: { filler: 'x'.repeat(300) },
  }));

interface WalUse {
  readonly records: number;
  readonly bytes: number;
}

/** What the statement itself writes ahead, as Postgres counts it: neighbours do not disturb. */
async function walOf(work: (tx: Transaction) => Promise<unknown>): Promise<WalUse> {
  const plans: { Plan: Record<string, number> }[] = [];
  await opened.database.transaction(async (tx) => {
    const query = tx.$client.query.bind(tx.$client);
    const explain = async (asked: string | { text: string }, values: unknown[]) => {
      const text = typeof asked === 'string' ? asked : asked.text;
      const explained = await query(`explain (analyze, wal, format json) ${text}`, values);
      plans.push(explained.rows[0]['QUERY PLAN'][0]);
      return { rows: [] };
    };
    Object.assign(tx.$client, { query: explain });
    await work(tx).finally(() => Reflect.deleteProperty(tx.$client, 'query'));
  });
  const plan = plans[0]?.Plan;
  return { records: plan?.['WAL Records'] ?? -1, bytes: plan?.['WAL Bytes'] ?? -1 };
}

const upsertOf = (name: string) => (tx: Transaction) =>
  upsertUsers(tx, {
    workspace: 'default',
    body: Buffer.from(JSON.stringify({ users: people(name) })),
    positions: null,
    plausibleUntil: new Date(),
  });

test('an unchanged page writes nothing ahead, a changed one does', async () => {
  // A first look at fresh rows may mark their pages, and so may the first after a checkpoint, which the
  // server makes when it likes. What the statement itself wrote would be there at every look.
  const looks = [];
  for (let look = 0; look < 4; look += 1) looks.push(await walOf(upsertOf('as it was')));
  expect(looks).toContainEqual({ records: 0, bytes: 0 });

  const changed = await walOf(upsertOf('changed'));
  expect(changed.records).toBeGreaterThanOrEqual(USERS);
  expect(changed.bytes).toBeGreaterThan(USERS * 100);
});

test('a condition on the conflict alone would lock each row, and write that', async () => {
  const rows = (await opened.rows<{ raw: unknown }>('select raw from intercom.users')).map(
    ({ raw }) => raw,
  );
  const locking = await walOf((tx) =>
    tx.execute(sql`
      insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at)
      select 'default', element ->> 'id', 'users', element, now(), now()
      from jsonb_array_elements(${JSON.stringify(rows)}::jsonb) as element
      on conflict (workspace, id) do update set raw = excluded.raw
      where users.raw <> excluded.raw`),
  );
  expect(locking.records).toBeGreaterThanOrEqual(USERS);
});

test('an unchanged page leaves each row version as it was', async () => {
  const versions = () =>
    opened.rows('select id, xmin::text, xmax::text, ctid::text from intercom.users order by id');
  await opened.store.writePage(pageOf(runId, 2, people('settled')));
  const before = await versions();
  const counts = await opened.store.writePage(pageOf(runId, 3, people('settled')));
  expect(counts).toMatchObject({ unchanged: USERS, updated: 0 });
  expect(await versions()).toEqual(before);
});
