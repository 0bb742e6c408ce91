import { scaleBand, scaleLinear, scaleUtc } from 'd3-scale';
import { area, curveMonotoneX, line } from 'd3-shape';
import type { UserCount } from '../postgres/history.ts';
import type { RunSummary } from '../postgres/status.ts';
import { html, type Markup } from './page-html.ts';
import { clock, count, day, minute, number, shortNumber } from './page-words.ts';

const WIDTH = 420;
const HEIGHT = 190;
const LEFT = 44;
const RIGHT = WIDTH - 10;
const TOP = 14;
const BOTTOM = HEIGHT - 26;
const TICKS = 4;
const BAR_WIDTH_MAX = 28;
const DAY_MS = 86_400_000;

/** Users of the workspace over time, by Intercom's count at each run. Oldest first. */
export function userChart(counts: readonly UserCount[]): Markup {
  const first = counts[0];
  const last = counts.at(-1);
  if (!first || !last || counts.length < 2) {
    return figure(
      'Users over time',
      null,
      html`<p class="empty">It takes two runs to draw a line.</p>`,
    );
  }
  const x = scaleUtc([first.at, last.at], [LEFT, RIGHT]);
  const values = counts.map(({ users }) => users);
  const y = scaleLinear(rangeAround(values), [BOTTOM, TOP]).nice(TICKS);
  const along = {
    x: ({ at }: UserCount) => px(x(at)),
    y: ({ users }: UserCount) => px(y(users)),
  };
  const path = line<UserCount>(along.x, along.y).curve(curveMonotoneX)([...counts]) ?? '';
  const below = area<UserCount>(along.x, BOTTOM, along.y).curve(curveMonotoneX)([...counts]) ?? '';
  const isLong = last.at.getTime() - first.at.getTime() > 2 * DAY_MS;
  const summary =
    `From ${number(first.users)} on ${clock(first.at)} to ${number(last.users)} on ${clock(last.at)}; ` +
    `lowest ${number(Math.min(...values))}, highest ${number(Math.max(...values))}.`;
  return figure(
    'Users over time',
    html`${count(last.users, 'user')} at the last run, by Intercom’s count`,
    svg(summary, [
      gridLines(y, y.ticks(TICKS).filter(Number.isInteger)),
      html`<path class="area" d="${below}"/><path class="line" d="${path}"/>`,
      html`<circle class="dot" cx="${along.x(last)}" cy="${along.y(last)}" r="4"/>`,
      counts.map(
        (one) =>
          html`<circle class="hit" cx="${along.x(one)}" cy="${along.y(one)}" r="8"><title>${clock(one.at)}: ${count(one.users, 'user')}</title></circle>`,
      ),
      ends(isLong ? day(first.at) : minute(first.at), isLong ? day(last.at) : minute(last.at)),
    ]),
  );
}

/** A line is read by its slope: the axis need not begin at zero, but must not make a hill of nothing. */
function rangeAround(values: readonly number[]): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = Math.max((high - low) * 0.15, high * 0.01, 2);
  return [Math.max(0, low - room), high + room];
}

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
  if (!first || !last) {
    return figure('Changes per run', null, html`<p class="empty">No run yet.</p>`);
  }
  const totals = runs.map(totalOf);
  const top = topOf(totals);
  const x = scaleBand(
    runs.map((run) => run.id),
    [LEFT, RIGHT],
  ).padding(0.25);
  const y = scaleLinear([0, top], [BOTTOM, TOP]).nice(TICKS);
  const width = Math.min(x.bandwidth(), BAR_WIDTH_MAX);
  const bars = runs.map((run) =>
    bar(run, px((x(run.id) ?? LEFT) + (x.bandwidth() - width) / 2), px(width), y),
  );
  const changes = totals.reduce((sum, total) => sum + total, 0);
  const failures = runs.filter((run) => run.status === 'failed').length;
  const summary =
    `${count(runs.length, 'run')} from ${clock(first.startedAt)} to ${clock(last.startedAt)}: ` +
    `${KINDS.map(({ name, of }) => `${number(sumOf(runs, of))} ${name}`).join(', ')}; ` +
    `${number(failures)} failed. The table of runs has the numbers.`;
  return figure(
    'Changes per run',
    html`${count(changes, 'change')} in the last ${count(runs.length, 'run')}${legend(failures)}`,
    svg(summary, [
      gridLines(y, y.ticks(TICKS).filter(Number.isInteger)),
      bars,
      ends(startOf(first), startOf(last)),
    ]),
  );
}

function legend(failures: number): Markup {
  const keys = KINDS.map(
    ({ name, className }) => html`<span class="key"><i class="${className}"></i>${name}</span>`,
  );
  const failed = html`<span class="key"><b class="bad">×</b>failed</span>`;
  return html`<span class="legend">${keys}${failures > 0 ? failed : null}</span>`;
}

type Scale = ReturnType<typeof scaleLinear<number, number>>;

/** A first run writes everything and would flatten all others: it is cut off, and says its number. */
function bar(run: RunSummary, left: number, width: number, y: Scale): Markup {
  const total = totalOf(run);
  const most = y.domain()[1] ?? 0;
  const shrink = total > most ? most / total : 1;
  let base = 0;
  const parts = KINDS.map(({ className, of }) => {
    const from = y(base);
    base += of(run) * shrink;
    const height = from - y(base);
    return height > 0
      ? html`<rect class="${className}" x="${left}" y="${px(y(base))}" width="${width}" height="${px(height)}"/>`
      : null;
  });
  const middle = left + width / 2;
  const what = KINDS.map(({ name, of }) => `${number(of(run))} ${name}`).join(', ');
  return html`<g>${parts}
    ${shrink < 1 ? html`<path class="cut" d="M${left - 2},${TOP + 12}l${width + 4},-5"/><text class="over" x="${Math.max(left, LEFT)}" y="${TOP - 4}">${shortNumber(total)}</text>` : null}
    ${run.status === 'failed' ? html`<text class="failed" x="${px(middle)}" y="${BOTTOM + 11}" text-anchor="middle">×</text>` : null}
    <rect class="hit" x="${left}" y="${TOP}" width="${width}" height="${BOTTOM - TOP}"><title>${clock(run.startedAt)}, ${run.mode}, ${run.status}: ${what}</title></rect>
  </g>`;
}

/** A tenth of a pixel is as much as anybody sees. */
function px(value: number): number {
  return Math.round(value * 10) / 10;
}

function totalOf(run: RunSummary): number {
  return sumOf([run], (one) => one.inserted + one.updated + one.deleted);
}

function sumOf(runs: readonly RunSummary[], of: (run: RunSummary) => number): number {
  return runs.reduce((sum, run) => sum + of(run), 0);
}

const OUTLIER_TIMES = 6;

/** The highest bar, unless it is so far above the others that nothing could be seen of them. */
function topOf(totals: readonly number[]): number {
  const sorted = totals.filter((total) => total > 0).sort((a, b) => a - b);
  const highest = sorted.at(-1) ?? 0;
  const usual = sorted[Math.floor((sorted.length - 1) * 0.8)] ?? 0;
  return Math.max(4, highest > OUTLIER_TIMES * usual ? usual * 1.5 : highest);
}

function startOf(run: RunSummary): string {
  return `${day(run.startedAt)} ${minute(run.startedAt)}`;
}

function gridLines(y: Scale, ticks: readonly number[]): readonly Markup[] {
  return ticks.map(
    (tick) =>
      html`<path class="grid" d="M${LEFT},${px(y(tick))}H${RIGHT}"/><text x="${LEFT - 6}" y="${px(y(tick) + 4)}" text-anchor="end">${shortNumber(tick)}</text>`,
  );
}

function ends(first: string, last: string): Markup {
  return html`<text x="${LEFT}" y="${HEIGHT - 4}">${first}</text><text x="${RIGHT}" y="${HEIGHT - 4}" text-anchor="end">${last}</text>`;
}

function svg(summary: string, parts: readonly (Markup | readonly Markup[])[]): Markup {
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${summary}">${parts}</svg>`;
}

function figure(title: string, caption: Markup | null, drawing: Markup): Markup {
  return html`<figure class="card"><figcaption><h3>${title}</h3>${caption === null ? null : html`<p>${caption}</p>`}</figcaption>${drawing}</figure>`;
}
