import { scaleBand, scaleLinear } from 'd3-scale';
import type { RunSummary } from '../../postgres/status.ts';
import {
  BOTTOM,
  drawChart,
  emptyChart,
  leftOf,
  px,
  RIGHT,
  type Scale,
  TICKS,
  TOP,
} from './chart-frame.ts';
import { html, type Markup } from './html.ts';
import { clock, count, number, shortNumber } from './words.ts';

const TITLE = 'Changes per run';
const BAR_WIDTH_MAX = 28;

const KINDS = [
  { name: 'new', className: 'new', of: (run: RunSummary) => run.inserted },
  { name: 'changed', className: 'changed', of: (run: RunSummary) => run.updated },
  { name: 'deleted', className: 'gone', of: (run: RunSummary) => run.deleted },
] as const;

/** What each run wrote. Newest first, drawn oldest first; a run that failed has a mark below it. */
export function changeChart(newestFirst: readonly RunSummary[]): Markup {
  const runs = newestFirst.filter((run) => run.mode !== 'lookup').toReversed();
  const first = runs[0];
  const last = runs.at(-1);
  if (!first || !last) return emptyChart(TITLE, 'No run yet.');
  const y = scaleLinear([0, topOf(runs.map(totalOf))], [BOTTOM, TOP]).nice(TICKS);
  const ids = runs.map((run) => run.id);
  const x = scaleBand(ids, [leftOf(y), RIGHT]).padding(0.25);
  const width = Math.min(x.bandwidth(), BAR_WIDTH_MAX);
  const leftOfBar = ({ id }: RunSummary) => (x(id) ?? 0) + (x.bandwidth() - width) / 2;
  const failures = runs.filter((run) => run.status === 'failed').length;
  const sums = KINDS.map(({ name, of }) => `${number(sumOf(runs, of))} ${name}`).join(', ');
  return drawChart({
    title: TITLE,
    caption: html`${count(sumOf(runs, totalOf), 'change')} in the last ${count(runs.length, 'run')}${legend(failures)}`,
    summary:
      `${count(runs.length, 'run')} from ${clock(first.startedAt)} to ${clock(last.startedAt)}: ` +
      `${sums}; ${number(failures)} failed. The table of runs has the numbers.`,
    y,
    from: first.startedAt,
    to: last.startedAt,
    marks: runs.map((run) => bar(run, px(leftOfBar(run)), px(width), y)),
  });
}

function legend(failures: number): Markup {
  const keys = KINDS.map(
    ({ name, className }) => html`<span class="key"><i class="${className}"></i>${name}</span>`,
  );
  const failed = html`<span class="key"><b class="bad">×</b>failed</span>`;
  return html`<span class="legend">${keys}${failures > 0 ? failed : null}</span>`;
}

/** A first run writes everything and would flatten all others: it is cut off, and says its number. */
function bar(run: RunSummary, left: number, width: number, y: Scale): Markup {
  const total = totalOf(run);
  const most = y.domain()[1] ?? 0;
  const isCut = total > most;
  const what = KINDS.map(({ name, of }) => `${number(of(run))} ${name}`).join(', ');
  const failed = html`<text class="failed" x="${px(left + width / 2)}" y="${BOTTOM + 12}" text-anchor="middle">×</text>`;
  const cut = html`<path class="cut" d="M${px(left - 2)},${TOP + 12}l${width + 4},-5"/><text x="${left}" y="${TOP - 5}">${shortNumber(total)}</text>`;
  return html`<g>${stack(run, left, width, y, isCut ? most / total : 1)}${isCut ? cut : null}${run.status === 'failed' ? failed : null}
<rect class="hit" x="${left}" y="${TOP}" width="${width}" height="${BOTTOM - TOP}"><title>${clock(run.startedAt)}, ${run.mode}, ${run.status}: ${what}</title></rect></g>`;
}

function stack(run: RunSummary, left: number, width: number, y: Scale, shrink: number) {
  let base = 0;
  return KINDS.map(({ className, of }) => {
    const bottom = y(base);
    base += of(run) * shrink;
    const height = px(bottom - y(base));
    return height > 0
      ? html`<rect class="${className}" x="${left}" y="${px(y(base))}" width="${width}" height="${height}"/>`
      : null;
  });
}

function totalOf(run: RunSummary): number {
  return run.inserted + run.updated + run.deleted;
}

function sumOf(runs: readonly RunSummary[], of: (run: RunSummary) => number): number {
  return runs.reduce((sum, run) => sum + of(run), 0);
}

const OUTLIER_TIMES = 6;
const SCALE_MIN = 4;

/** The highest bar, unless it is so far above the others that nothing could be seen of them. */
function topOf(totals: readonly number[]): number {
  const sorted = totals.filter((total) => total > 0).sort((a, b) => a - b);
  const highest = sorted.at(-1) ?? 0;
  const usual = sorted[Math.floor((sorted.length - 1) * 0.8)] ?? 0;
  return Math.max(SCALE_MIN, highest > OUTLIER_TIMES * usual ? usual * 1.5 : highest);
}
