import { sql } from 'drizzle-orm';
import { addCounts, NO_COUNTS } from '../sync/report.ts';
import type { LeasedStore, PageCounts, PageWrite, WorkspaceState } from '../sync/store.ts';
import { countPage } from './counts.ts';
import type { Database } from './database.ts';
import { openReader } from './reader.ts';
import type { Transaction } from './transaction.ts';
import { classifyUsers, eitherWay, type UsersOutcome } from './users.ts';

const READ_ONLY = { isReadOnly: true } as const;

/**
 * The store of `--dry-run`: says what would be written and writes nothing, which Postgres is told
 * to enforce. It holds no lease. Without a schema yet every user would be inserted.
 */
export function openPreviewStore(database: Database, workspace: string): LeasedStore {
  const { signal: lost } = new AbortController();
  const reader = openReader(database, workspace, lost);
  const written: PageCounts[] = [];
  let found: Promise<boolean> | null = null;
  const hasSchema = () => {
    found ??= database.transaction(findSchema, READ_ONLY);
    return found;
  };
  return {
    lost,
    release: async () => {},
    startRun: async () => 'preview',
    async writePage(page) {
      const counts = countPage(page, await previewPage(database, workspace, page, hasSchema));
      written.push(counts);
      return counts;
    },
    writeUsers: async () => {},
    setRunWatermark: async () => {},
    markLimitReached: async () => {},
    finishRun: async () => ({ ...written.reduce(addCounts, NO_COUNTS), pages: written.length }),
    workspace: async () => ((await hasSchema()) ? reader.workspace() : nothingKnown()),
    async bindApp(appId) {
      return ((await hasSchema()) ? (await reader.workspace()).appId : null) ?? appId;
    },
    async *seenIds(runId) {
      if (await hasSchema()) yield* reader.seenIds(runId);
    },
    countLiveUsers: async () => ((await hasSchema()) ? reader.countLiveUsers() : 0),
    // A preview records nothing, so it can neither prove itself complete nor sweep.
    countSeen: async () => 0,
    unseenUsers: async () => [],
    markDeleted: async () => 0,
    prune: async () => {},
  };
}

async function findSchema(tx: Transaction): Promise<boolean> {
  const found = await tx.execute<{ exists: boolean }>(
    sql`select to_regclass('intercom.users') is not null as exists`,
  );
  return found.rows[0]?.exists === true;
}

async function previewPage(
  database: Database,
  workspace: string,
  page: PageWrite,
  hasSchema: () => Promise<boolean>,
): Promise<UsersOutcome> {
  if (!(await hasSchema())) {
    return { written: new Map(page.chosen.map(({ id }) => [id, 'inserted'])), refused: [] };
  }
  return eitherWay(workspace, page, classifyUsers, (classify) =>
    database.transaction(classify, READ_ONLY),
  );
}

function nothingKnown(): WorkspaceState {
  return {
    appId: null,
    watermark: null,
    lastFullRunAt: null,
    hasUsers: false,
    unfinished: null,
    now: new Date(),
  };
}
