import type { RunSummary } from '../../postgres/status.ts';
import { html, type Markup } from './html.ts';
import type { Tone } from './state.ts';
import { number, shortInstant, span } from './words.ts';

const SHOWN_MAX = 12;

/** The last runs, newest first; what went wrong stands in a row of its own below each. */
export function renderRuns(runs: readonly RunSummary[], now: Date): Markup {
  return html`<section class="card" aria-labelledby="runs"><h2 id="runs">Last runs</h2>
${runs.length === 0 ? html`<p class="empty">None yet: the first one reads every user.</p>` : renderTable(runs.slice(0, SHOWN_MAX), now)}
</section>`;
}

function renderTable(runs: readonly RunSummary[], now: Date): Markup {
  return html`<table>
<thead><tr><th scope="col">Started</th><th scope="col">Run</th><th scope="col" class="num roomy">Took</th><th scope="col" class="num roomy">Pages</th><th scope="col" class="num roomy">Read</th><th scope="col" class="num">New</th><th scope="col" class="num">Changed</th><th scope="col" class="num">Deleted</th><th scope="col" class="num roomy">Set aside</th></tr></thead>
<tbody>${runs.map((run, at) => renderRun(run, runs[at - 1] ?? null, now))}</tbody>
</table>`;
}

function renderRun(run: RunSummary, newer: RunSummary | null, now: Date): Markup {
  const tone = TONES[run.status];
  const endedAt = run.finishedAt ?? now;
  const took = span(Math.max(0, endedAt.getTime() - run.startedAt.getTime()));
  const numbers = [
    html`<td class="num roomy">${number(run.pages)}</td><td class="num roomy">${number(run.users)}</td>`,
    [run.inserted, run.updated, run.deleted].map(
      (value) => html`<td class="num${value === 0 ? ' zero' : ''}">${number(value)}</td>`,
    ),
    html`<td class="num roomy${run.rejected === 0 ? ' zero' : ''}">${number(run.rejected)}</td>`,
  ];
  return html`<tr><th scope="row">${shortInstant(run.startedAt)}</th><td><span class="mode"><span class="dot ${tone}"></span>${run.mode}</span> <span class="status ${tone}">${run.status}</span></td><td class="num roomy">${took}</td>${numbers}</tr>
${noteOf(run, newer)}`;
}

const TONES: Readonly<Record<RunSummary['status'], Tone>> = {
  running: 'busy',
  succeeded: 'good',
  failed: 'bad',
  interrupted: 'warn',
  abandoned: 'warn',
};

/** The same trouble again and again is told once. */
function noteOf(run: RunSummary, newer: RunSummary | null): Markup | null {
  if (run.errorMessage !== null) {
    if (run.errorMessage === newer?.errorMessage) return null;
    return note(html`<strong>${run.errorKind}:</strong> ${run.errorMessage}`);
  }
  if (run.limitReached) return note('Met the limit of 10,000 users and went on by scroll.');
  return null;
}

function note(words: Markup | string): Markup {
  return html`<tr class="note"><td colspan="9">${words}</td></tr>`;
}
