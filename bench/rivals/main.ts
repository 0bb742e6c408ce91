/**
 * What people would write in place of this program: a scroll, and an upsert of what it brings, with
 * a transaction and a checkpoint a page. No lease, no hygiene, no rejects, no sweep. A process of its
 * own; it prints how many users it has read, and how long that took.
 */
import { createRequire } from 'node:module';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { toRow, type WireUser } from './row.ts';
import { overwriteAll, rivalCheckpoints, rivalUsers } from './table.ts';

export interface RivalOptions {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  readonly writer: 'values' | 'one by one';
  /** The folder that has Intercom's own client in it; null: fetch. */
  readonly clientFolder: string | null;
}

export interface RivalReport {
  readonly users: number;
  readonly durationMs: number;
}

type TakePage = (users: readonly WireUser[], next: string | null) => Promise<void>;

const PAGES_MAX = 100_000;

const options: RivalOptions = JSON.parse(process.argv[2] ?? '{}');
const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 1 });
const report = await run(drizzle({ client: pool }));
await pool.end();
process.stdout.write(`${JSON.stringify(report)}\n`);

async function run(database: NodePgDatabase): Promise<RivalReport> {
  const read = options.clientFolder === null ? readByFetch : readByOfficialClient;
  const startedMs = performance.now();
  let users = 0;
  let pages = 0;
  await read(async (some, next) => {
    users += some.length;
    pages += 1;
    await writePage(database, some, next, pages);
  });
  return { users, durationMs: performance.now() - startedMs };
}

async function writePage(
  database: NodePgDatabase,
  users: readonly WireUser[],
  next: string | null,
  page: number,
): Promise<void> {
  const now = new Date();
  const rows = users.map((user) => toRow(user, now));
  const batches = options.writer === 'values' ? [rows] : rows.map((row) => [row]);
  const target = [rivalUsers.workspace, rivalUsers.id];
  await database.transaction(async (tx) => {
    for (const batch of batches) {
      if (batch.length === 0) continue;
      await tx.insert(rivalUsers).values(batch).onConflictDoUpdate({ target, set: overwriteAll() });
    }
    const checkpoint = { page, next, users: users.length };
    const set = { next, users: users.length };
    await tx
      .insert(rivalCheckpoints)
      .values(checkpoint)
      .onConflictDoUpdate({ target: rivalCheckpoints.page, set });
  });
}

interface ScrollAnswer {
  readonly users: readonly WireUser[];
  readonly scroll_param?: string;
}

async function readByFetch(takePage: TakePage): Promise<void> {
  let query = '';
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const response = await fetch(`${options.apiUrl}/users/scroll${query}`, {
      headers: { authorization: 'Bearer bench-token', accept: 'application/json' },
    });
    const { users, scroll_param } = (await response.json()) as ScrollAnswer;
    await takePage(users, scroll_param ?? null);
    if (users.length === 0) return;
    query = `?scroll_param=${scroll_param}`;
  }
}

/** As far as it is used; the package is of before types. */
interface OfficialClient {
  useRequestOpts(options: { baseUrl: string }): OfficialClient;
  readonly users: {
    readonly scroll: {
      each(
        parameters: object,
        take: (response: { body: ScrollAnswer }) => Promise<void>,
      ): PromiseLike<void>;
    };
  };
}

async function readByOfficialClient(takePage: TakePage): Promise<void> {
  const load = createRequire(`${options.clientFolder}/`);
  const { Client } = load('intercom-client') as {
    Client: new (options: { token: string }) => OfficialClient;
  };
  const client = new Client({ token: 'bench-token' }).useRequestOpts({ baseUrl: options.apiUrl });
  await client.users.scroll.each({}, ({ body }) => takePage(body.users, body.scroll_param ?? null));
}
