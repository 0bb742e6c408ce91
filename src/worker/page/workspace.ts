import type { WorkspaceHistory } from '../../postgres/history.ts';
import type { RunProgress } from '../../postgres/overview.ts';
import { LIMIT_IN_WORDS } from './advice.ts';
import { changeChart } from './change-chart.ts';
import type { WorkspaceView } from './data.ts';
import { type Content, html, type Markup } from './html.ts';
import { renderRuns } from './runs.ts';
import { userChart } from './user-chart.ts';
import { count, fromNow, number, shortInstant, span } from './words.ts';

/** All there is to know of one workspace, the most urgent first. */
export function renderWorkspace(view: WorkspaceView, history: WorkspaceHistory, now: Date): Markup {
  return html`${renderState(view)}
${renderProgress(view, now)}
${renderFacts(view, now)}
${renderCharts(history)}
${renderRuns(history.runs, now)}
${renderNotes(history, view)}`;
}

function renderState({ name, state }: WorkspaceView): Markup {
  return html`<section class="banner ${state.tone}" aria-label="State">
<h1><span class="name">${name}</span> <span class="state ${state.tone}">${state.label}</span></h1>
<p>${state.sentence}</p>
${state.advice === null ? null : html`<p><strong>What to do:</strong> ${state.advice}</p>`}
</section>`;
}

/** The run that is on: how far, how fast, since when. */
function renderProgress({ glance }: WorkspaceView, now: Date): Markup | null {
  const { progress, newest } = glance;
  if (progress === null || newest === null) return null;
  const runningMs = Math.max(1, now.getTime() - newest.startedAt.getTime());
  return html`<section class="card" aria-labelledby="running">
<h2 id="running">Running now: ${newest.mode} run</h2>
<p>${passInWords(progress)}</p>
${renderBar(progress, runningMs)}
<dl class="facts">
${fact('Read so far', html`${count(progress.users, 'user')} on ${count(progress.pages, 'page')}`)}
${fact('Written', html`${number(progress.inserted)} new, ${number(progress.updated)} changed${progress.rejected > 0 ? `, ${number(progress.rejected)} set aside` : null}`)}
${fact('Started', html`${fromNow(newest.startedAt, now)}`)}
${fact('Last page', progress.lastPageAt === null ? 'none yet' : fromNow(progress.lastPageAt, now))}
${fact('Speed', `${count(Math.round((progress.users / runningMs) * 1000), 'user')} a second`)}
</dl>
</section>`;
}

const PASSES: Readonly<Record<string, string>> = {
  list: 'Reading the list of all users.',
  scroll: 'Reading all users by scroll, since there are more than the list serves.',
  created: 'Reading the users that were created since the last run.',
  updated:
    'Reading the users that changed; after them, users that are gone are asked for one by one.',
};

function passInWords({ pass }: RunProgress): string {
  if (pass === null) return 'It has begun, and no page is written yet.';
  return PASSES[pass] ?? `Reading the pass ${pass}.`;
}

/** Only a pass over all users has an end that is known beforehand. */
function renderBar(
  { pass, users, passUsers, totalCount }: RunProgress,
  runningMs: number,
): Markup | null {
  if ((pass !== 'list' && pass !== 'scroll') || totalCount === null || totalCount === 0)
    return null;
  const share = Math.min(1, passUsers / totalCount);
  const leftMs = ((totalCount - passUsers) / Math.max(1, users)) * runningMs;
  const left = leftMs > 0 ? `, about ${span(leftMs)} left` : '';
  const read = number(Math.min(passUsers, totalCount));
  const words = `${read} of ${count(totalCount, 'user')}, ${Math.floor(share * 100)} %${left}`;
  return html`<div class="progress"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="${words}"><rect class="track" width="1000" height="10"/><rect class="fill" width="${Math.round(share * 1000)}" height="10"/></svg><p>${words}</p></div>`;
}

function renderFacts({ glance, nextRun, callsLeft }: WorkspaceView, now: Date): Markup {
  const { lastSuccessAt, completeUntil, openRejects, progress } = glance;
  const users = glance.userCount ?? progress?.totalCount ?? null;
  return html`<section aria-label="Facts"><dl class="facts tiles">
${tile('Last success', lastSuccessAt && fromNow(lastSuccessAt, now), lastSuccessAt ? shortInstant(lastSuccessAt) : 'never yet')}
${tile('Next run', nextRun && fromNow(nextRun.at, now), nextRun ? html`${nextRun.mode}, at ${shortInstant(nextRun.at)}` : 'none is planned')}
${tile('Users', users === null ? null : number(users), 'by Intercom’s count')}
${tile('Set aside', setAside(openRejects), openRejects === 1 ? 'user is not stored' : 'users are not stored')}
${tile('Behind Intercom', completeUntil && span(Math.max(0, now.getTime() - completeUntil.getTime())), 'at most')}
${tile('Rate budget', callsLeft === null ? null : number(callsLeft), callsLeft === null ? 'known while this worker reads' : 'calls left in this window')}
</dl></section>`;
}

/** A number to be seen from afar, and what it is; a dash where it is not known. */
function tile(name: string, value: Content, below: Content): Markup {
  return fact(name, html`${value ?? '–'}<small>${below}</small>`);
}

function setAside(openRejects: number): Content {
  if (openRejects === 0) return number(openRejects);
  return html`<span class="warn-text"><a href="#rejects">${number(openRejects)}</a></span>`;
}

/** One run has nothing to be compared with. */
function renderCharts({ runs, userCounts }: WorkspaceHistory): Markup | null {
  if (runs.length < 2) return null;
  return html`<section aria-label="Charts" class="charts">${userChart(userCounts)}${changeChart(runs)}</section>`;
}

function fact(name: string, value: Content): Markup {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

/** What is worth knowing and no cause for alarm. */
function renderNotes(
  { runs, rejectReasons }: WorkspaceHistory,
  { glance }: WorkspaceView,
): readonly (Markup | null)[] {
  const limited = runs.find((run) => run.limitReached) ?? null;
  return [
    limited &&
      html`<section class="card" aria-labelledby="limit"><h2 id="limit">Last warning: the limit of 10,000 users</h2>
<p>Met by run ${limited.id}, ${shortInstant(limited.startedAt)}. ${LIMIT_IN_WORDS}</p></section>`,
    glance.openRejects === 0
      ? null
      : html`<section class="card" aria-labelledby="rejects"><h2 id="rejects">Set aside: ${count(glance.openRejects, 'user')}</h2>
<p>They have no usable id, or the database refuses them; everybody else is stored. The most frequent reasons:</p>
<ul>${rejectReasons.map(({ reason, users }) => html`<li><code>${reason}</code>: ${count(users, 'user')}</li>`)}</ul>
<p>See each with <code>intercom-sync rejects list</code>.</p></section>`,
  ];
}
