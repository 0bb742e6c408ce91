import { html, type Markup } from './html.ts';

const NUMBERS = new Intl.NumberFormat('en-GB');
const SHORT_NUMBERS = new Intl.NumberFormat('en-GB', {
  notation: 'compact',
  maximumFractionDigits: 1,
});

export function number(value: number): string {
  return NUMBERS.format(value);
}

/** `12.3k`, for the axes of charts. */
export function shortNumber(value: number): string {
  return SHORT_NUMBERS.format(value);
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A length of time in one or two units, as exact as anybody wants to know it. */
export function span(ms: number): string {
  if (ms < SECOND_MS) return 'under 1 s';
  if (ms < 2 * MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  const [unitMs, unit, below, name] = ms < 2 * DAY_MS ? HOURS : DAYS;
  const whole = Math.floor(ms / unitMs);
  const rest = Math.floor((ms % unitMs) / below);
  return `${whole} ${unit}${rest > 0 ? ` ${rest} ${name}` : ''}`;
}

const HOURS = [HOUR_MS, 'h', MINUTE_MS, 'min'] as const;
const DAYS = [DAY_MS, 'days', HOUR_MS, 'h'] as const;

/** An instant as far from now, with the exact time behind it. */
export function fromNow(at: Date, now: Date): Markup {
  const ms = now.getTime() - at.getTime();
  const words = ms >= 0 ? `${span(ms)} ago` : `in ${span(-ms)}`;
  return html`<time datetime="${at.toISOString()}" title="${clock(at)}">${words}</time>`;
}

/** `24 Nov 06:04`, in UTC as everything here. */
export function shortInstant(at: Date): Markup {
  return html`<time datetime="${at.toISOString()}" title="${clock(at)}">${day(at)} ${minute(at)}</time>`;
}

export function clock(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function day(at: Date): string {
  return `${at.getUTCDate()}\u00a0${MONTHS[at.getUTCMonth()]}`;
}

export function minute(at: Date): string {
  return at.toISOString().slice(11, 16);
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
