import pg from 'pg';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { acquireLease, type LeaseRequest } from '../../src/postgres/lease.ts';
import type { Lease } from '../../src/postgres/renewal.ts';
import { openStore } from '../../src/postgres/store.ts';
import type { LeasedStore, PageWrite } from '../../src/sync/store.ts';
import { createTestDatabase } from '../support/postgres.ts';

/** A store of its own database, and a plain connection to look behind its back. */
export interface Opened {
  readonly url: string;
  readonly database: Database;
  readonly lease: Lease;
  readonly store: LeasedStore;
  /** Rows as objects. */
  rows<T extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]>;
  /** The first column of the first row. */
  value<T = unknown>(text: string, values?: unknown[]): Promise<T>;
  close(): Promise<void>;
}

// Longer than any test: where a lease is to expire, the test expires it by hand.
const LEASE_SECONDS = 600;

export async function openTestStore(workspace = 'default'): Promise<Opened> {
  const { url, drop } = await createTestDatabase();
  const database = openDatabase(url);
  const lease = await acquireLease(database, leaseRequest({ workspace }));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const rows = async <T>(text: string, values: unknown[] = []): Promise<T[]> =>
    (await client.query(text, values)).rows as T[];
  return {
    url,
    database,
    lease,
    store: openStore(database, lease),
    rows,
    value: async (text, values) => Object.values((await rows<object>(text, values))[0] ?? {})[0],
    async close() {
      await lease.release();
      await client.end();
      await database.close();
      await drop();
    },
  };
}

export function leaseRequest(request: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    workspace: 'default',
    owner: 'test:1',
    leaseSeconds: LEASE_SECONDS,
    wait: false,
    signal: new AbortController().signal,
    ...request,
  };
}

/** In Intercom's clock of these tests, "now" is in 2023. */
export const NOW_SECONDS = 1_700_000_000;

/** A page of whole users given as objects or as JSON text; what is no object is text already. */
export function pageOf(
  runId: string,
  sequence: number,
  users: readonly (string | Readonly<Record<string, unknown>>)[],
  changes: Partial<PageWrite> = {},
): PageWrite {
  const texts = users.map((user) => (typeof user === 'string' ? user : JSON.stringify(user)));
  const ids = texts.map((text) => /"id":\s*"([^"]*)"/.exec(text)?.[1] ?? '');
  return {
    runId,
    sequence,
    before: Promise.resolve(true),
    pass: 'list',
    page: sequence,
    next: null,
    totalCount: users.length,
    body: Buffer.from(`{"type":"user.list","users":[${texts.join(',')}]}`),
    userTexts: () => texts.map((text) => Buffer.from(text)),
    users: users.length,
    chosen: ids.map((id, position) => ({ id, position, isRepeat: false })),
    repeatsInPage: 0,
    rejects: [],
    seenIds: ids,
    plausibleUntil: new Date((NOW_SECONDS + 3600) * 1000),
    ...changes,
  };
}

export const FULL_RUN = { mode: 'full', resumedFrom: null, watermark: null } as const;
