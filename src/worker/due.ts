import type { WorkspaceSchedule } from '../config-worker.ts';
import { type Cron, lastOccurrence, nextOccurrence } from '../cron.ts';
import type { Outlook } from '../postgres/outlook.ts';
import type { NextRun } from './watched.ts';

export type ScheduledMode = 'full' | 'incremental';

const HOUR_MS = 3_600_000;
/** A tick can come a moment early where two clocks disagree; then it would find nothing due. */
const EARLY_MAX_MS = 5_000;
/** Times of day, weekdays and the like all show within so many ticks. */
const TICKS_LOOKED_AT = 14;
const TICKS_MISSED_MAX = 2;

/**
 * What has come due since it last succeeded, however many ticks ago that is: a tick that was missed
 * is made up for once, and one that comes twice finds nothing to do.
 */
export function whatIsDue(schedule: WorkspaceSchedule, outlook: Outlook): ScheduledMode | null {
  const until = new Date(outlook.now.getTime() + EARLY_MAX_MS);
  const isDue = (cron: Cron, doneAt: Date | null) =>
    doneAt === null || doneAt.getTime() < lastOccurrence(cron, until).getTime();
  if (isDue(schedule.full, outlook.fullSucceededAt)) return 'full';
  return isDue(schedule.incremental, outlook.succeededAt) ? 'incremental' : null;
}

export function nextRun(schedule: WorkspaceSchedule, now: Date): NextRun {
  const full = nextOccurrence(schedule.full, now);
  const incremental = nextOccurrence(schedule.incremental, now);
  return full.getTime() <= incremental.getTime()
    ? { mode: 'full', at: full }
    : { mode: 'incremental', at: incremental };
}

/** How old the last success may be: two ticks that failed, the widest apart, and the time of a run. */
export function staleAfterMs(schedule: WorkspaceSchedule, now: Date): number {
  let widestMs = 0;
  let tick = nextRun(schedule, now).at;
  for (let looked = 0; looked < TICKS_LOOKED_AT; looked += 1) {
    const next = nextRun(schedule, tick).at;
    widestMs = Math.max(widestMs, next.getTime() - tick.getTime());
    tick = next;
  }
  return TICKS_MISSED_MAX * widestMs + HOUR_MS;
}
