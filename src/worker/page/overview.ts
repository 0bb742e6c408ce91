import type { WorkspaceView } from './data.ts';
import { html, type Markup } from './html.ts';
import type { Tone } from './state.ts';
import { count, fromNow, number } from './words.ts';

/** Many workspaces at a glance: what is wrong first, then the numbers of each, the worst first. */
export function renderOverview(views: readonly WorkspaceView[], now: Date): Markup {
  return html`${renderVerdict(views)}
<section class="card" aria-labelledby="workspaces"><h2 id="workspaces">Workspaces</h2>
<table>
<thead><tr><th scope="col">Workspace</th><th scope="col">State</th><th scope="col">Last success</th><th scope="col" class="num roomy">Users</th><th scope="col" class="num roomy">Last changes</th><th scope="col" class="num roomy">Set aside</th><th scope="col" class="roomy">Next run</th></tr></thead>
<tbody>${views.map((view) => renderRow(view, now))}</tbody>
</table></section>`;
}

function renderVerdict(views: readonly WorkspaceView[]): Markup {
  const tally = (tone: Tone) => views.filter(({ state }) => state.tone === tone).length;
  const [tone, words] = verdictOf(views.length, tally('bad'), tally('warn'), tally('idle'));
  const users = views.reduce((sum, { glance }) => sum + (glance.userCount ?? 0), 0);
  const rejects = views.reduce((sum, { glance }) => sum + glance.openRejects, 0);
  const running = views.filter(({ glance }) => glance.progress !== null).length;
  return html`<section class="banner ${tone}" aria-label="State"><h1>${words}</h1>
<p>${count(running, 'run')} going on · ${count(users, 'user')} in all · ${number(rejects)} set aside</p></section>`;
}

function verdictOf(all: number, bad: number, warn: number, idle: number): [Tone, string] {
  const of = all === 1 ? 'the workspace' : `${number(all)} workspaces`;
  if (bad > 0) return ['bad', `${number(bad)} of ${of} ${bad === 1 ? 'needs' : 'need'} attention`];
  if (warn > 0)
    return [
      'warn',
      `${number(warn)} of ${of} had trouble and ${warn === 1 ? 'is' : 'are'} tried again`,
    ];
  if (idle > 0)
    return ['idle', `${number(idle)} of ${of} ${idle === 1 ? 'was' : 'were'} not read yet`];
  return ['good', all === 1 ? 'The workspace is well' : `All ${of} are well`];
}

function renderRow({ name, glance, state, nextRun }: WorkspaceView, now: Date): Markup {
  const { lastEnded, lastSuccessAt, userCount, openRejects } = glance;
  const changes =
    lastEnded === null ? '–' : number(lastEnded.inserted + lastEnded.updated + lastEnded.deleted);
  return html`<tr><th scope="row"><a href="/workspaces/${name}">${breakable(name)}</a></th>
<td><span class="state ${state.tone}">${state.label}</span>${shareOf(glance.progress)}</td>
<td>${lastSuccessAt === null ? 'never' : fromNow(lastSuccessAt, now)}</td>
<td class="num roomy">${userCount === null ? '–' : number(userCount)}</td>
<td class="num roomy">${changes}</td>
<td class="num roomy${openRejects === 0 ? ' zero' : ''}">${number(openRejects)}</td>
<td class="roomy">${nextRun === null ? '–' : html`${fromNow(nextRun.at, now)}, ${nextRun.mode}`}</td></tr>
${state.tone === 'bad' || state.tone === 'warn' ? html`<tr class="note"><td colspan="7">${state.sentence}</td></tr>` : null}`;
}

/** A long name breaks at its underscores, not anywhere. */
function breakable(name: string): readonly Markup[] {
  return name.split(/(?<=_)/).map((part, at) => (at === 0 ? html`${part}` : html`<wbr>${part}`));
}

function shareOf(progress: WorkspaceView['glance']['progress']): Markup | null {
  if (progress === null) return null;
  const { pass, passUsers, totalCount } = progress;
  const isCounted = (pass === 'list' || pass === 'scroll') && totalCount !== null && totalCount > 0;
  const words = isCounted
    ? `${Math.floor(Math.min(1, passUsers / totalCount) * 100)} %`
    : count(progress.users, 'user');
  return html` <small>${words}</small>`;
}
