import { scaleLinear, scaleUtc } from 'd3-scale';
import { area, curveMonotoneX, line } from 'd3-shape';
import type { UserCount } from '../../postgres/history.ts';
import { BOTTOM, drawChart, emptyChart, leftOf, px, RIGHT, TICKS, TOP } from './chart-frame.ts';
import { html, type Markup } from './html.ts';
import { clock, count, number } from './words.ts';

const TITLE = 'Users over time';

/** Users of the workspace, by Intercom's count at each run. Oldest first. */
export function userChart(counts: readonly UserCount[]): Markup {
  const first = counts[0];
  const last = counts.at(-1);
  if (!first || !last || counts.length < 2) {
    return emptyChart(TITLE, 'It takes two runs to draw a line.');
  }
  const values = counts.map(({ users }) => users);
  const y = scaleLinear(rangeAround(values), [BOTTOM, TOP]).nice(TICKS);
  const x = scaleUtc([first.at, last.at], [leftOf(y), RIGHT]);
  const xOf = ({ at }: UserCount) => px(x(at));
  const yOf = ({ users }: UserCount) => px(y(users));
  const path = line(xOf, yOf).curve(curveMonotoneX).digits(1)(counts) ?? '';
  const below = area(xOf, BOTTOM, yOf).curve(curveMonotoneX).digits(1)(counts) ?? '';
  return drawChart({
    title: TITLE,
    caption: html`${count(last.users, 'user')} at the last run, by Intercom’s count`,
    summary:
      `From ${number(first.users)} on ${clock(first.at)} to ${number(last.users)} on ` +
      `${clock(last.at)}; lowest ${number(Math.min(...values))}, highest ${number(Math.max(...values))}.`,
    y,
    from: first.at,
    to: last.at,
    marks: [
      html`<path class="area" d="${below}"/><path class="line" d="${path}"/>`,
      html`<circle class="end" cx="${xOf(last)}" cy="${yOf(last)}" r="4"/>`,
      counts.map(
        (one) =>
          html`<circle class="hit" cx="${xOf(one)}" cy="${yOf(one)}" r="8"><title>${clock(one.at)}: ${count(one.users, 'user')}</title></circle>`,
      ),
    ],
  });
}

/** A line is read by its slope: the axis need not begin at zero, but must make no hill of nothing. */
function rangeAround(values: readonly number[]): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = Math.max((high - low) * 0.15, high * 0.01, 2);
  return [Math.max(0, low - room), high + room];
}
