import type { Environment } from '../../src/config.ts';
import type { Faults } from '../../src/simulator/faults.ts';
import { exactNumber } from '../../src/simulator/oddities.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts';
import { environmentFor, rowsOf, TOKEN } from '../support/sync.ts';

/** A source, a database, and a wire to it that can be broken: everything that one run meets. */
export interface World {
  readonly simulator: Simulator;
  readonly proxy: PostgresProxy;
  /** The database past the proxy, where the wire is never broken. */
  readonly databaseUrl: string;
  environment(more?: Environment): Environment;
  /** Moves Intercom's clock on; nothing sleeps. */
  passTime(ms: number): void;
  rows<T extends object = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  close(): Promise<void>;
}

export const MINUTE_MS = 60_000;

/** Fewer rows than a list of the source has: the rest is read by scroll. */
export const SCROLLING: Partial<Faults> = { limitRows: 40 };

export async function openWorld(options: {
  readonly users: number;
  readonly perPage: number;
  readonly faults?: Partial<Faults>;
  /** One towards the end of the list whom Postgres refuses: he is set aside. */
  readonly hasBadUser?: boolean;
}): Promise<World> {
  let aheadMs = 0;
  const passTime = (ms: number) => {
    aheadMs += ms;
  };
  const database = await createTestDatabase();
  await rowsOf(database.url, RECORD_WRITES);
  const proxy = await startPostgresProxy(database.url);
  const simulator = await startSimulator({
    users: options.users,
    token: TOKEN,
    faults: options.faults ?? {},
    now: () => new Date(Date.now() + aheadMs),
  });
  if (options.hasBadUser) createBadUser(simulator);
  // Whoever begins a scroll has waited for the one before to die: so long that no test could.
  simulator.onRequest(({ path, query }) => {
    if (path === '/users/scroll' && !query.has('scroll_param')) passTime(61_000);
  });
  return {
    simulator,
    proxy,
    databaseUrl: database.url,
    environment: (more = {}) =>
      environmentFor(simulator.url, proxy.url, {
        INTERCOM_PER_PAGE: String(options.perPage),
        ...more,
      }),
    passTime,
    rows: (sql, values = []) => rowsOf(database.url, sql, values),
    async close() {
      await simulator.close();
      await proxy.close();
      await database.drop();
    },
  };
}

/** Every write of a user's row that is committed leaves a line: this is how a second one shows. */
const RECORD_WRITES = `
  create table writes (id text);
  create function record_write() returns trigger language plpgsql as
    'begin insert into public.writes values (new.id); return new; end';
  create trigger record_write after insert or update on intercom.users
    for each row execute function record_write()`;

function createBadUser({ workspace }: Simulator): void {
  const byTime = workspace.users().sort((a, b) => Number(b.created_at) - Number(a.created_at));
  const { created_at, updated_at } = byTime.at(-20) ?? {};
  const custom_attributes = { too_large: exactNumber('1e999999') };
  workspace.create({ created_at, updated_at, custom_attributes });
}

/** Two users come, two change, and, where asked, two go: what the next run has to write, once. */
export async function changeSource(world: World, withDeletions: boolean): Promise<Changes> {
  const { workspace } = world.simulator;
  await world.rows('truncate writes');
  const ids = workspace.users().map(({ id }) => String(id));
  const spread = (part: number) => ids[Math.floor(ids.length * part)] ?? '';
  for (const part of [0.1, 0.6]) workspace.update(spread(part), { name: `Changed ${part}` });
  if (withDeletions) for (const part of [0.3, 0.8]) workspace.delete(spread(part));
  workspace.create();
  // Not at the front of the list, where those who come stand.
  workspace.create({ created_at: workspace.get(spread(0.5))?.created_at });
  return { inserted: 2, updated: 2, deleted: withDeletions ? 2 : 0 };
}

export interface Changes {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}
