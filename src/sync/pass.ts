import { SyncError } from '../errors.ts';
import { hasSome, newestPlausible, sortPage } from './page.ts';
import type { Run } from './parts.ts';
import { addCounts } from './report.ts';
import type { ListDrift, ListPass, Pass, SourcePage, UsersLimit } from './source.ts';
import { TURNS_MAX, takeInTurn } from './turns.ts';

/** How a pass ended: past the last user, or short of it, so that only a scroll reads the rest. */
export type PassEnd = 'complete' | 'cut short';

/** Takes the pages of one pass. They land in their order: none before the one that came before it. */
export async function readPass(run: Run, pass: Pass): Promise<PassEnd> {
  if (pass.name === 'scroll') run.hasScrolled = true;
  if (pass.name === 'updated') run.updatedFront = null;
  run.log.info('pass_started', { pass: pass.name });
  if ('sort' in pass && !isSafeOrder(pass))
    run.log.warn('order_may_skip', { sort: pass.sort, order: pass.order });
  run.progress.passStarted(pass.name);
  let end: PassEnd = 'complete';
  let pages = run.tally.pages;
  // The ids of the pages that may be under way.
  let recent: readonly ReadonlySet<string | null>[] = [];
  await takeInTurn(run.source.pages(pass), async (item, before) => {
    run.signal.throwIfAborted();
    if (item.kind === 'page') {
      pages += 1;
      const sequence = pages;
      const isShared = recent.some((ids) => hasSome(item, ids));
      recent = [new Set(item.users.map(({ id }) => id)), ...recent].slice(0, TURNS_MAX - 1);
      // What one page writes of a user the other has to see, and count as a duplicate.
      if (isShared && !(await before)) return;
      await takePage(run, pass, item, sequence, before);
    } else if (await before) {
      end = 'cut short';
      await noteCut(run, pass, item);
    }
  });
  run.signal.throwIfAborted();
  return end;
}

/**
 * In these orders all that comes, comes to the front, so that users can only be skipped where the
 * count falls. In any other one that leaves and one that comes behind us leave the count as it was,
 * and a user between them is passed over: whoever asks for such an order is told.
 */
function isSafeOrder({ sort, order }: ListPass): boolean {
  return order === 'desc' && (sort === 'created_at' || sort === 'updated_at');
}

async function takePage(
  run: Run,
  pass: Pass,
  page: SourcePage,
  sequence: number,
  before: Promise<boolean>,
): Promise<void> {
  const { tally } = run;
  const plausibleUntil = run.plausibleUntil();
  if (pass.name === 'updated') {
    run.updatedFront ??= {
      totalCount: page.totalCount,
      newest: newestPlausible(page, plausibleUntil),
    };
  }
  if (run.mustLearnApp) await learnApp(run, page);
  const sorted = sortPage(page, run.seen, plausibleUntil);
  const counts = await run.store.writePage({
    ...sorted,
    runId: tally.runId ?? '',
    sequence,
    before,
    pass: pass.name,
    page: page.page,
    next: page.next,
    totalCount: page.totalCount,
    users: page.users.length,
    body: page.body,
    userTexts: page.userTexts,
    plausibleUntil,
  });
  sorted.seenIds.forEach(run.seen.add);
  tally.pages += 1;
  tally.counts = addCounts(tally.counts, counts);
  run.progress.pageWritten(counts, page.totalCount);
  run.log.debug('page_written', { pass: pass.name, sequence, ...counts });
  if (page.cleaned > 0) run.log.info('text_cleaned', { characters: page.cleaned });
  if (counts.rejected > 0) run.log.warn('users_rejected', { rejected: counts.rejected });
}

/** The limit is warned of once a run, however often it is met. */
async function noteCut(run: Run, pass: Pass, cut: UsersLimit | ListDrift): Promise<void> {
  const { tally, log } = run;
  if (cut.kind === 'drift') {
    log.warn('list_drifted', { pass: pass.name, page: cut.page });
    return;
  }
  if (tally.limitReached) return;
  tally.limitReached = true;
  log.warn('users_limit_reached', {
    limit: 10_000,
    pass: pass.name,
    page: cut.page,
    face: cut.face,
    total_count: cut.totalCount,
  });
  if (tally.runId !== null) await run.store.markLimitReached(tally.runId);
}

async function learnApp(run: Run, page: SourcePage): Promise<void> {
  const appId = page.users.find((user) => user.appId !== null)?.appId;
  if (appId) await bindApp(run, appId);
}

/** A workspace's table holds the users of one app: another's token would mix, and then delete. */
export async function bindApp(run: Run, appId: string): Promise<void> {
  const boundTo = await run.store.bindApp(appId);
  if (boundTo !== appId) throw anotherApp(run.settings.workspace);
  run.mustLearnApp = false;
}

export function anotherApp(workspace: string): SyncError {
  return new SyncError(
    'settings',
    `the workspace ${workspace} holds the users of another Intercom app than this token's`,
    'Check which token this is, or give the other app a workspace of its own with INTERCOM_WORKSPACES.',
  );
}
