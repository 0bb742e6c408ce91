import type { SyncError } from '../../errors.ts';
import type { WorkspaceHistory } from '../../postgres/history.ts';
import type { WatchedWorkspace } from '../watched.ts';
import type { WorkspaceView } from './data.ts';
import { html, type Markup } from './html.ts';
import { renderPage } from './layout.ts';
import { renderOverview } from './overview.ts';
import { TONES, type Tone } from './state.ts';
import { shortInstant } from './words.ts';
import { renderWorkspace } from './workspace.ts';

/** What is the same for every page that is asked for at one moment. */
export interface PageMoment {
  readonly now: Date;
  readonly path: string;
  readonly isStill: boolean;
}

const REFRESH_SECONDS = 30;
const REFRESH_SOON_SECONDS = 5;

export function overviewPage(views: readonly WorkspaceView[], moment: PageMoment): string {
  const worst = views[0]?.state;
  return renderPage({
    ...frameOf(views, moment),
    title: worst?.tone === 'good' ? 'Up to date' : (worst?.label ?? 'No workspace'),
    main: renderOverview(views, moment.now),
  });
}

export function workspacePage(
  view: WorkspaceView,
  history: WorkspaceHistory,
  moment: PageMoment,
  isOnly: boolean,
): string {
  const back = isOnly ? null : html`<nav aria-label="Back"><a href="/">← All workspaces</a></nav>`;
  return renderPage({
    ...frameOf([view], moment),
    title: `${view.state.label} · ${view.name}`,
    main: html`${back}${renderWorkspace(view, history, moment.now)}`,
  });
}

/** What can be said without the database. */
export function awayPage(
  { message, hint }: SyncError,
  workspaces: readonly WatchedWorkspace[],
  moment: PageMoment,
): string {
  return renderPage({
    ...frameOf([], moment),
    title: 'No database',
    tone: 'bad',
    refreshSeconds: moment.isStill ? null : REFRESH_SOON_SECONDS,
    main: html`<section class="banner bad" aria-label="State"><h1>The database cannot be read</h1>
<p><strong>Why:</strong> ${message}.</p>
<p><strong>What to do:</strong> ${hint ?? 'look whether Postgres is up and can be reached from here'}. Runs wait for it and go on by themselves; nothing that was written is lost.</p></section>
<section class="card" aria-labelledby="next"><h2 id="next">Next runs</h2>
<table><thead><tr><th scope="col">Workspace</th><th scope="col">Next run</th></tr></thead>
<tbody>${workspaces.map(nextRunRow)}</tbody></table></section>`,
  });
}

export function missingPage(moment: PageMoment): string {
  return renderPage({
    ...frameOf([], moment),
    title: 'Not found',
    refreshSeconds: null,
    main: html`<section class="banner idle" aria-label="State"><h1>There is no such page</h1><p><a href="/">To the overview</a></p></section>`,
  });
}

function nextRunRow(workspace: WatchedWorkspace): Markup {
  const next = workspace.nextRun();
  const words = workspace.isRefused() ? 'none, the token is refused' : 'none is planned';
  return html`<tr><th scope="row">${workspace.name}</th><td>${next === null || workspace.isRefused() ? words : html`${next.mode}, ${shortInstant(next.at)}`}</td></tr>`;
}

function frameOf(views: readonly WorkspaceView[], { now, path, isStill }: PageMoment) {
  const isRunning = views.some(({ glance }) => glance.progress !== null);
  const tone: Tone = TONES.find((one) => views.some(({ state }) => state.tone === one)) ?? 'idle';
  const seconds = isRunning ? REFRESH_SOON_SECONDS : REFRESH_SECONDS;
  return { tone, now, path, refreshSeconds: isStill ? null : seconds };
}
