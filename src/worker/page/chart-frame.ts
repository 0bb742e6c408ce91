import type { scaleLinear } from 'd3-scale';
import { html, type Markup } from './html.ts';
import { day, minute, number, shortNumber } from './words.ts';

/** Drawn at this size, and as wide as there is room: letters stay legible on a phone. */
export const WIDTH = 420;
export const HEIGHT = 190;
export const RIGHT = WIDTH - 10;
export const TOP = 16;
export const BOTTOM = HEIGHT - 28;
export const TICKS = 4;
const DIGIT_WIDTH = 7.4;

export type Scale = ReturnType<typeof scaleLinear<number, number>>;

export interface Chart {
  readonly title: string;
  readonly caption: Markup;
  /** What the picture says, for those who do not see it. */
  readonly summary: string;
  readonly y: Scale;
  readonly from: Date;
  readonly to: Date;
  readonly marks: readonly (Markup | readonly Markup[])[];
}

/** A picture in words, axes and marks; its colours are the page's, by class. */
export function drawChart({ title, caption, summary, y, from, to, marks }: Chart): Markup {
  return html`<figure class="card"><figcaption><h3>${title}</h3><p>${caption}</p></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${summary}">
${drawGrid(y)}${marks}
<text x="${leftOf(y)}" y="${HEIGHT - 4}">${dateLabel(from, to, from)}</text>
<text x="${RIGHT}" y="${HEIGHT - 4}" text-anchor="end">${dateLabel(from, to, to)}</text>
</svg></figure>`;
}

export function emptyChart(title: string, words: string): Markup {
  return html`<figure class="card"><figcaption><h3>${title}</h3></figcaption><p class="empty">${words}</p></figure>`;
}

/** Where the drawing begins: beside the longest number of the axis. */
export function leftOf(y: Scale): number {
  const longest = Math.max(...wholeTicks(y).map((tick) => axisLabel(tick).length));
  return Math.round(10 + longest * DIGIT_WIDTH);
}

/** A tenth of a pixel is as much as anybody sees. */
export function px(value: number): number {
  return Math.round(value * 10) / 10;
}

function drawGrid(y: Scale): readonly Markup[] {
  const left = leftOf(y);
  return wholeTicks(y).map(
    (tick) =>
      html`<path class="grid" d="M${left},${px(y(tick))}H${RIGHT}"/><text x="${left - 6}" y="${px(y(tick) + 4)}" text-anchor="end">${axisLabel(tick)}</text>`,
  );
}

function wholeTicks(y: Scale): readonly number[] {
  return y.ticks(TICKS).filter(Number.isInteger);
}

const WRITTEN_OUT_BELOW = 10_000_000;

/** Written out, since two ticks may differ in the last digits only. */
function axisLabel(tick: number): string {
  return tick < WRITTEN_OUT_BELOW ? number(tick) : shortNumber(tick);
}

const LONG_MS = 3 * 86_400_000;

function dateLabel(from: Date, to: Date, at: Date): string {
  return to.getTime() - from.getTime() > LONG_MS ? day(at) : `${day(at)} ${minute(at)}`;
}
