import pg from 'pg';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/postgres/database.ts';
import { openReader } from '../../src/postgres/reader.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';

test('no planner can look at all seen users for each user that is there', async () => {
  const created = await createTestDatabase();
  const proxy = await startPostgresProxy(created.url);
  const statements: string[] = [];
  proxy.onStatement(({ text }) => {
    statements.push(text);
  });
  const database = openDatabase(proxy.url);
  await openReader(database, 'default', new AbortController().signal).unseenUsers('1', null, 200);
  await database.close();
  await proxy.close();
  const [asked] = statements.filter((text) => text.includes('order by id limit'));

  const client = new pg.Client({ connectionString: created.url });
  await client.connect();
  // Where it has the choice, this is what is left of it when its guess of the rows is far too low.
  await client.query('set enable_hashjoin = off; set enable_mergejoin = off');
  const { rows } = await client.query(`explain (generic_plan) ${asked}`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Except');
  expect(plan).not.toContain('Anti Join');
  await client.end();
  await created.drop();
});
