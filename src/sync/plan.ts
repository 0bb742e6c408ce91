import { SyncError } from '../errors.ts';
import type { ListPass, ListPosition, Order, Pass, Sort, UpdatedPass } from './source.ts';
import type { RunMode, UnfinishedRun, WorkspaceState } from './store.ts';

/** What the caller asked for. Null means: not asked. */
export interface RunRequest {
  readonly mode: 'auto' | 'full' | 'incremental';
  readonly sort: Sort | null;
  readonly order: Order | null;
  readonly createdSinceDays: number | null;
  readonly lookup: { readonly by: 'email' | 'phone'; readonly value: string } | null;
  readonly allowMassDelete: boolean;
  readonly isDryRun: boolean;
}

/** A run that reads what is due, and may move the watermark. */
export const PLAIN_REQUEST: RunRequest = {
  mode: 'auto',
  sort: null,
  order: null,
  createdSinceDays: null,
  lookup: null,
  allowMassDelete: false,
  isDryRun: false,
};

export interface PlanSettings {
  readonly perPage: number;
  readonly overlapMinutes: number;
  readonly fullEveryDays: number;
}

/** What is decided before Intercom is asked anything. */
export interface Start {
  readonly mode: RunMode;
  /** The run that this one goes on with. */
  readonly resumes: UnfinishedRun | null;
  /** Only a run that reads what a plain one reads may move the watermark, or delete. */
  readonly isPlain: boolean;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A list is gone on with for this long: the table moves under its pages. */
const RESUME_AGE_MAX_MS = 3_600_000;

/** Throws `SyncError` of kind `settings` for flags that contradict each other. */
export function planStart(
  request: RunRequest,
  state: WorkspaceState,
  settings: PlanSettings,
): Start {
  checkRequest(request);
  if (request.lookup) return { mode: 'lookup', resumes: null, isPlain: false };
  const hasOwnOrder = request.sort !== null || request.order !== null;
  if (request.createdSinceDays !== null)
    return { mode: 'incremental', resumes: null, isPlain: false };
  if (hasOwnOrder) return { mode: 'full', resumes: null, isPlain: false };

  const mode = chooseMode(request, state, settings);
  return { mode, resumes: findResumable(mode, state), isPlain: true };
}

function checkRequest(request: RunRequest): void {
  const isFiltered =
    request.sort !== null || request.order !== null || request.createdSinceDays !== null;
  if (request.lookup && (isFiltered || request.mode !== 'auto')) {
    throw usage('--email and --phone go with neither --mode nor --sort, --order, --created-since');
  }
  if (request.createdSinceDays !== null && request.mode === 'full') {
    throw usage('--created-since goes with --mode incremental, not with --mode full');
  }
  if (isFiltered && request.createdSinceDays === null && request.mode === 'incremental') {
    throw usage('--sort and --order go with --mode full, or with --created-since');
  }
}

function usage(message: string): SyncError {
  return new SyncError('settings', message);
}

/** Without a watermark there is nothing to be incremental from. */
function chooseMode(request: RunRequest, state: WorkspaceState, settings: PlanSettings): RunMode {
  if (request.mode === 'full' || state.watermark === null) return 'full';
  if (request.mode === 'incremental') return 'incremental';
  const ageMs = state.lastFullRunAt
    ? state.now.getTime() - state.lastFullRunAt.getTime()
    : Number.POSITIVE_INFINITY;
  return ageMs < settings.fullEveryDays * DAY_MS ? 'incremental' : 'full';
}

/** A list can be gone on with, and so can what comes after it; a scroll cannot. */
function findResumable(mode: RunMode, state: WorkspaceState): UnfinishedRun | null {
  const run = state.unfinished;
  const last = run?.lastCheckpoint;
  if (!run || !last || run.mode !== mode || run.watermark === null) return null;
  if (run.errorKind === 'incomplete') return null;
  if (state.now.getTime() - last.committedAt.getTime() >= RESUME_AGE_MAX_MS) return null;
  if (last.pass === 'updated') return run;
  return (last.pass === 'list' || last.pass === 'created') && !run.limitReached ? run : null;
}

/** What is to be read, once the source's clock is known. `startedAt` is null if nothing told it. */
export function planPasses(
  request: RunRequest,
  start: Start,
  state: WorkspaceState,
  settings: PlanSettings,
  startedAt: Date | null,
  now: Date,
): Pass[] {
  if (request.lookup) return [{ name: 'lookup', ...request.lookup }];
  const sort = request.sort ?? 'created_at';
  const order = request.order ?? 'desc';
  if (request.createdSinceDays !== null) {
    return [
      { name: 'created', sort, order, createdSinceDays: request.createdSinceDays, resume: null },
    ];
  }
  if (start.mode === 'full') {
    const list: ListPass = { name: 'list', sort, order, createdSinceDays: null, resume: null };
    return goOn([list, updatedSince(startedAt ?? new Date(0), settings)], start, settings);
  }
  const updated = updatedSince(state.watermark ?? new Date(0), settings);
  const createdSinceDays =
    Math.max(1, Math.ceil((now.getTime() - updated.since.getTime()) / DAY_MS)) + 1;
  return goOn(
    [{ name: 'created', sort, order, createdSinceDays, resume: null }, updated],
    start,
    settings,
  );
}

export function updatedSince(instant: Date, settings: PlanSettings): UpdatedPass {
  return {
    name: 'updated',
    since: new Date(instant.getTime() - settings.overlapMinutes * MINUTE_MS),
  };
}

/**
 * Where the earlier run was: behind a page of the first pass, or past it. The `updated` pass always
 * begins at its front, since that is where changed users jump to.
 */
function goOn(
  [first, updated]: [ListPass, UpdatedPass],
  { resumes }: Start,
  settings: PlanSettings,
): Pass[] {
  const last = resumes?.lastCheckpoint;
  if (!last) return [first, updated];
  if (last.pass === 'updated' || last.next === null) return [updated];
  const resume: ListPosition = { next: last.next, totalCount: last.totalCount };
  return [asksTheSame(first, resume, settings) ? { ...first, resume } : first, updated];
}

function asksTheSame(pass: ListPass, { next }: ListPosition, settings: PlanSettings): boolean {
  const query = new URLSearchParams(next.split('?')[1]);
  const days = pass.createdSinceDays;
  return (
    query.get('per_page') === String(settings.perPage) &&
    query.get('sort') === pass.sort &&
    query.get('order') === pass.order &&
    query.get('created_since') === (days === null ? null : String(days))
  );
}
