import { box, line, text } from './ink.ts';

export interface Bar {
  readonly label: string;
  /** Over COPY. */
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly isOurs: boolean;
  readonly goal: number | null;
  /** Beside the bar, in words. */
  readonly note: string;
}

const LABEL_WIDTH = 262;
const BAR_SPACE = 300;
const ROW = 27;
const BAR = 15;
const HEAD = 34;

/** Bars from left to right over a line at 1.0, which is COPY. */
export function drawBars(title: string, bars: readonly Bar[], left: number) {
  const start = left + LABEL_WIDTH;
  const largest = Math.max(1.1, ...bars.map(({ max, goal }) => Math.max(max, goal ?? 0)));
  const at = (value: number) => start + (value / largest) * BAR_SPACE;
  const height = HEAD + bars.length * ROW;
  return {
    height,
    draw: (top: number) =>
      [
        text(left, top, 'head', title),
        ...bars.map((bar, row) => drawBar(bar, top + HEAD + row * ROW, { left, start, at })),
        line('one', at(1), top + HEAD - 18, at(1), top + height - 8),
        text(at(1), top + height + 6, 'tick', 'COPY = 1.0', 'middle'),
      ].join('\n'),
  };
}

interface Scale {
  readonly left: number;
  readonly start: number;
  at(value: number): number;
}

function drawBar({ label, value, min, max, isOurs, goal, note }: Bar, y: number, scale: Scale) {
  const { left, start, at } = scale;
  const middle = y - BAR / 2 + 3;
  const valueX = start + BAR_SPACE + 12;
  const noted = goal === null ? note : `${note} · goal: ${goal.toFixed(1)}`;
  return [
    text(left, y, 'label', label),
    box(isOurs ? 'ours' : 'other', start, middle - BAR / 2, at(value) - start, BAR),
    line('spread', at(min), middle, at(max), middle),
    ...(goal === null ? [] : [line('goal', at(goal), middle - 10, at(goal), middle + 10)]),
    text(valueX, y, 'value', value.toFixed(2)),
    text(valueX + 38, y, 'quiet', noted),
  ].join('\n');
}
