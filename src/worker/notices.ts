import { describeError, Interrupted, SyncError } from '../errors.ts';
import type { EventLog, Fields, RunReport } from '../sync/report.ts';
import type { Notice } from './notify.ts';

/** What a run's end is to people: news only where the run before it ended otherwise. */
export function noticeOfEnd(report: RunReport, wasFailing: boolean): Notice | null {
  const { workspace, runId, error } = report;
  if (error === null) {
    if (!wasFailing) return null;
    const message = `works again: ${report.counts.users} users read, ${report.deleted} marked as deleted`;
    return { workspace, runId, kind: 'recovery', message };
  }
  // Whoever holds the workspace, or goes on with it, tells how it ends.
  const isOpen = error instanceof Interrupted || describeError(error).kind === 'busy';
  if (isOpen || wasFailing) return null;
  const hint = error instanceof SyncError && error.hint !== null ? ` (${error.hint})` : '';
  return { workspace, runId, kind: 'failure', message: describeError(error).message + hint };
}

/** A log that passes everything on, and tells of the warnings people want to hear of at once. */
export function noticingLog(
  log: EventLog,
  workspace: string,
  notify: (notice: Notice) => void,
  runId: string | null = null,
): EventLog {
  return {
    ...log,
    warn(event, fields = {}) {
      log.warn(event, fields);
      const told = describeWarning(event, fields);
      if (told) notify({ workspace, runId, ...told });
    },
    with(fields) {
      const known = typeof fields.run_id === 'string' ? fields.run_id : runId;
      return noticingLog(log.with(fields), workspace, notify, known);
    },
  };
}

function describeWarning(event: string, fields: Fields): Pick<Notice, 'kind' | 'message'> | null {
  if (event === 'users_limit_reached') {
    const message = `there are more than ${fields.limit} users, where Intercom’s list ends; the run goes on by scroll`;
    return { kind: 'limit', message };
  }
  if (event !== 'mass_delete_refused') return null;
  const message = `${fields.confirmed_at_least} users or more are gone from Intercom, and ${fields.allowed} may be marked as deleted at once: none was. Check the token; then run sync --mode full --allow-mass-delete`;
  return { kind: 'mass_delete_refused', message };
}
