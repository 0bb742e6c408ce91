import { SyncError } from '../errors.ts';
import type { MigrationState } from '../postgres/migrate.ts';
import type { Overview } from '../postgres/overview.ts';
import { isExcused, isTooOld } from './freshness.ts';
import type { Glance } from './http-readings.ts';
import { glanceAt } from './page/data.ts';
import type { WatchedWorkspace } from './watched.ts';

/** What `/readyz` answers: whether all is well, and if not, what is not. */
export interface Readiness {
  readonly ready: boolean;
  readonly database: 'answers' | 'away';
  /** Null while the database is away. */
  readonly migrations: MigrationState | null;
  readonly too_old: readonly {
    readonly workspace: string;
    readonly last_success_at: string | null;
    readonly stale_after_seconds: number;
    readonly token_refused: boolean;
  }[];
}

export function judgeReadiness(
  glance: Glance | SyncError,
  workspaces: readonly WatchedWorkspace[],
  watchedMs: number,
): Readiness {
  if (glance instanceof SyncError) {
    return { ready: false, database: 'away', migrations: null, too_old: [] };
  }
  const { migrations, overview } = glance;
  if (overview === null) return { ready: false, database: 'answers', migrations, too_old: [] };
  const tooOld = workspaces
    .filter((workspace) => isLate(workspace, overview, watchedMs))
    .map((workspace) => ({
      workspace: workspace.name,
      last_success_at: glanceAt(overview, workspace.name).lastSuccessAt?.toISOString() ?? null,
      stale_after_seconds: workspace.staleAfterMs / 1000,
      token_refused: workspace.isRefused(),
    }));
  return { ready: tooOld.length === 0, database: 'answers', migrations, too_old: tooOld };
}

function isLate(
  { name, staleAfterMs }: WatchedWorkspace,
  overview: Overview,
  watchedMs: number,
): boolean {
  const glance = glanceAt(overview, name);
  return isTooOld(glance, overview.now, { staleAfterMs, watchedMs }) && !isExcused(glance);
}
