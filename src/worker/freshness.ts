import type { WorkspaceGlance } from '../postgres/overview.ts';

/** How old a workspace may be, and how long this worker has watched it. */
export interface Patience {
  readonly staleAfterMs: number;
  readonly watchedMs: number;
}

/** Since the last success; since the watch began where there is none yet. */
export function isTooOld(
  { lastSuccessAt }: WorkspaceGlance,
  now: Date,
  { staleAfterMs, watchedMs }: Patience,
): boolean {
  const ageMs = lastSuccessAt === null ? watchedMs : now.getTime() - lastSuccessAt.getTime();
  return ageMs > staleAfterMs;
}

/**
 * A long run is no fault: whoever reads a large workspace for the first time, or the whole of it
 * again, may take longer than a success may be old. One that only follows a failure is no excuse.
 */
export function isExcused({ progress, lastEnded }: WorkspaceGlance): boolean {
  return progress !== null && lastEnded?.status !== 'failed';
}
