import { SyncError } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { readHistory, type WorkspaceHistory } from '../postgres/history.ts';
import { type MigrationState, migrationState } from '../postgres/migrate.ts';
import { type Overview, readOverview } from '../postgres/overview.ts';

/** What is asked of the database for those who look. Rejects with a `SyncError` while it is away. */
export interface Readings {
  glance(): Promise<Glance>;
  /** Of one of the workspaces that are watched. */
  history(workspace: string): Promise<WorkspaceHistory>;
}

export interface Glance {
  readonly migrations: MigrationState;
  /** Null while the tables are not those of this program. */
  readonly overview: Overview | null;
}

export interface ReadingBounds {
  /** Whoever asks is answered within this time, with the truth or with a refusal. */
  readonly answerMaxMs: number;
  /** An answer is given to whoever asks again within this time. */
  readonly keepMs: number;
}

const BOUNDS: ReadingBounds = { answerMaxMs: 4_000, keepMs: 1_000 };

/**
 * One question at a time, and the same answer to all who ask the same: however many people and
 * scrapers look, pages are written over the other connections.
 */
export function createReadings(
  database: Database,
  workspaces: readonly string[],
  { answerMaxMs, keepMs }: ReadingBounds = BOUNDS,
): Readings {
  const inTurn = createTurns(answerMaxMs);
  const glance = kept(() => inTurn(() => readGlance(database, workspaces)), keepMs);
  const histories = new Map(
    workspaces.map((name) => [name, kept(() => inTurn(() => readHistory(database, name)), keepMs)]),
  );
  return {
    glance,
    async history(workspace) {
      const read = histories.get(workspace);
      if (read === undefined) throw new Error('a workspace that nobody watches');
      return read();
    },
  };
}

async function readGlance(database: Database, workspaces: readonly string[]): Promise<Glance> {
  const migrations = await migrationState(database);
  const overview = migrations === 'current' ? await readOverview(database, workspaces) : null;
  return { migrations, overview };
}

function kept<T>(read: () => Promise<T>, keepMs: number): () => Promise<T> {
  let last: { readonly answer: Promise<T>; readonly untilMs: number } | null = null;
  return () => {
    if (last === null || performance.now() > last.untilMs) {
      last = { answer: read(), untilMs: performance.now() + keepMs };
    }
    return last.answer;
  };
}

type InTurn = <T>(ask: () => Promise<T>) => Promise<T>;

/** A question whose turn comes too late is not asked any more: nobody waits for its answer. */
function createTurns(answerMaxMs: number): InTurn {
  let before: Promise<unknown> = Promise.resolve();
  return (ask) => {
    const lateAtMs = performance.now() + answerMaxMs;
    const answer = before.then(() => {
      if (performance.now() >= lateAtMs) throw tooLate();
      return ask();
    });
    before = answer.catch(() => {});
    return within(answer, answerMaxMs);
  };
}

async function within<T>(answer: Promise<T>, maxMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooLate()), maxMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(): SyncError {
  return new SyncError(
    'database',
    'the database did not answer in time',
    'check that the database is up and reachable',
  );
}
