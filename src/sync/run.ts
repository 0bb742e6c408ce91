import { SyncError } from '../errors.ts';
import { newestPlausible } from './page.ts';
import type { Run, RunParts, RunSettings } from './parts.ts';
import { bindApp, readPass } from './pass.ts';
import { planPasses, planStart, type RunRequest, updatedSince } from './plan.ts';
import { faultOf, newTally, type RunReport, statusOf, type Tally } from './report.ts';
import { createSeenIds } from './seen.ts';
import type { LeasedStore } from './store.ts';
import { sweepDeleted } from './sweep.ts';

/** One run of one workspace, from the lease to the report. What ends it early is in the report. */
export async function runSync(
  request: RunRequest,
  settings: RunSettings,
  parts: RunParts,
): Promise<RunReport> {
  const tally = newTally(settings.workspace);
  const startedMs = parts.clock.elapsedMs();
  let error: unknown = null;
  try {
    const store = await parts.acquireStore(parts.stop);
    try {
      error = await carryOut(request, settings, parts, store, tally);
    } finally {
      await store.release();
    }
  } catch (thrown) {
    error = thrown;
  }
  return { ...tally, error, durationMs: Math.round(parts.clock.elapsedMs() - startedMs) };
}

/** Reads with the lease in hand, and writes down how it ended. Returns what ended it, or null. */
async function carryOut(
  request: RunRequest,
  settings: RunSettings,
  parts: RunParts,
  store: LeasedStore,
  tally: Tally,
): Promise<unknown> {
  const over = new AbortController();
  const signal = AbortSignal.any([parts.stop, store.lost, over.signal]);
  const run: Run = {
    ...parts,
    request,
    settings,
    tally,
    store,
    signal,
    source: parts.openSource(signal, (event, fields) => run.log.warn(event, fields)),
    seen: createSeenIds(),
    mustLearnApp: false,
    hasScrolled: false,
    updatedFront: null,
    plausibleUntil: () => parts.clock.now(),
  };
  let error: unknown = null;
  let watermark: Date | null = null;
  try {
    watermark = await readUsers(run);
  } catch (thrown) {
    error = thrown;
  }
  // A page that is being fetched ahead is of no use any more.
  over.abort();
  return closeRun(run, error, watermark);
}

/** The story of a run. Returns where the workspace's watermark moves to, null if it stays. */
async function readUsers(run: Run): Promise<Date | null> {
  const { request, settings, store, source, tally } = run;
  const state = await store.workspace();
  const start = planStart(request, state, settings);
  tally.mode = start.mode;
  const runId = await store.startRun({
    mode: start.mode,
    resumedFrom: start.resumes?.id ?? null,
    watermark: start.resumes?.watermark ?? null,
  });
  tally.runId = request.isDryRun ? null : runId;
  run.log = run.log.with({ run_id: tally.runId });
  run.log.info('run_started', { mode: start.mode, resumed_from: start.resumes?.id ?? null });

  const identity = await source.identify();
  run.plausibleUntil = plausibleUntil(run, identity.date);
  run.mustLearnApp = identity.appId === null;
  if (identity.appId !== null) await bindApp(run, identity.appId);

  const startedAt =
    start.resumes?.watermark ??
    identity.date ??
    newestPlausible(await source.newest(), run.plausibleUntil());
  if (startedAt && start.isPlain) await store.setRunWatermark(runId, startedAt);
  if (start.resumes)
    for await (const ids of store.seenIds(start.resumes.id)) ids.forEach(run.seen.add);

  const passes = planPasses(
    request,
    start,
    state,
    settings,
    startedAt,
    // Without the source's clock the latest that it can be: days too many are read, not too few.
    identity.date ?? run.plausibleUntil(),
  );
  for (const pass of passes) {
    const end = await readPass(run, pass);
    if (end === 'complete') continue;
    if (request.isDryRun) return null;
    // What changed since a full run began is found again by the next: it need not scroll for that.
    if (pass.name === 'updated' && (start.mode === 'full' || run.hasScrolled)) continue;
    await readPass(run, { name: 'scroll' });
    if (pass === passes.at(-1))
      await readPass(run, updatedSince(startedAt ?? new Date(0), settings));
  }
  if (request.isDryRun) return null;
  if (start.mode === 'full' || run.hasScrolled) {
    const addsUp = await proveComplete(run, runId, startedAt ?? new Date(0));
    // Where there was nobody, nobody is there whom this run has not seen.
    if (addsUp && start.mode === 'full' && start.isPlain && state.hasUsers) {
      await sweepDeleted({ ...run, ...settings, ...request, runId });
    }
  }
  return start.isPlain ? earlier(startedAt, run.updatedFront?.newest ?? null) : null;
}

const CLOCK_SLACK_MS = 600_000;
/** Where the source tells no time, our own clock may be wrong by a day and a time zone. */
const UNKNOWN_CLOCK_SLACK_MS = 172_800_000;

/** A time after this is no time that a user was updated at. It moves on while the run goes on. */
function plausibleUntil({ clock }: Run, sourceDate: Date | null): () => Date {
  if (!sourceDate) return () => new Date(clock.now().getTime() + UNKNOWN_CLOCK_SLACK_MS);
  const toldMs = clock.elapsedMs();
  return () => new Date(sourceDate.getTime() + (clock.elapsedMs() - toldMs) + CLOCK_SLACK_MS);
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a.getTime() < b.getTime() ? a : b;
}

const MISSING_MIN = 10;
const MISSING_SHARE = 0.001;

/**
 * Holds the users seen against Intercom's own count: whoever is counted on the first page of the
 * `updated` pass was seen before, or has changed since. True if it adds up, false if it is off by so
 * little that the count may be wrong; a list that is short is read again by scroll, a scroll that
 * is short ends the run as incomplete.
 */
async function proveComplete(run: Run, runId: string, startedAt: Date): Promise<boolean> {
  let proof = await compareCounts(run, runId);
  if (proof.isShort && !run.hasScrolled) {
    run.log.warn('list_incomplete', { seen: proof.seen, total_count: proof.total });
    await readPass(run, { name: 'scroll' });
    await readPass(run, updatedSince(startedAt, run.settings));
    proof = await compareCounts(run, runId);
  }
  if (proof.isShort) {
    throw new SyncError(
      'incomplete',
      `Intercom counts ${proof.total} users, but only ${proof.seen} were to be read`,
      'What was read is kept, nothing was marked as deleted, and the watermark stays. Run again.',
    );
  }
  if (proof.total === null) run.log.warn('count_missing', { seen: proof.seen });
  else if (proof.seen < proof.total)
    run.log.warn('count_mismatch', { seen: proof.seen, total_count: proof.total });
  return proof.total !== null && proof.seen >= proof.total;
}

async function compareCounts(
  run: Run,
  runId: string,
): Promise<{ seen: number; total: number | null; isShort: boolean }> {
  const seen = await run.store.countSeen(runId);
  const total = run.updatedFront?.totalCount ?? null;
  const isShort = total !== null && total - seen > Math.max(MISSING_MIN, total * MISSING_SHARE);
  return { seen, total, isShort };
}

async function closeRun(run: Run, error: unknown, watermark: Date | null): Promise<unknown> {
  if (run.tally.runId === null) return error;
  const { kind, message } = faultOf(error);
  try {
    await run.store.finishRun({
      runId: run.tally.runId,
      status: statusOf(error),
      watermark,
      isOver: error === null,
      errorKind: kind,
      errorMessage: message,
    });
  } catch (thrown) {
    // The next run marks this one as abandoned; what ended it first is what is told.
    run.log.warn('run_left_open', { error_kind: faultOf(thrown).kind });
    return error ?? thrown;
  }
  if (error === null) await letOldRunsGo(run);
  return error;
}

/** The users are all there: a run is no failure because its predecessors stay a day longer. */
async function letOldRunsGo({ store, settings, log }: Run): Promise<void> {
  try {
    await store.prune(settings.retentionDays);
  } catch (thrown) {
    log.warn('prune_failed', { error_kind: faultOf(thrown).kind });
  }
}
