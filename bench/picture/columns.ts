import type { Series } from '../scene.ts';
import { box, text, WIDTH } from './ink.ts';

const HEAD = 48;
const TALLEST = 96;
const GAP = 8;

/** A column for each part of a load, so that it is seen whether they fall. */
export function drawColumns(
  title: string,
  subtitle: string,
  points: Series['points'],
  left: number,
) {
  const highest = Math.max(...points.map(({ value }) => value));
  const step = (WIDTH - 2 * left + GAP) / points.length;
  return {
    height: HEAD + TALLEST + 20,
    draw: (top: number) => {
      const floor = top + HEAD + TALLEST;
      const columns = points.map(({ users, value }, index) => {
        const x = left + index * step;
        const height = (value / highest) * (TALLEST - 18);
        return [
          box('ours', x, floor - height, step - GAP, height),
          text(x + (step - GAP) / 2, floor - height - 5, 'tick', thousands(value), 'middle'),
          text(x + (step - GAP) / 2, floor + 15, 'tick', thousands(users), 'middle'),
        ].join('\n');
      });
      return [
        text(left, top, 'head', title),
        text(left, top + 20, 'quiet', subtitle),
        ...columns,
      ].join('\n');
    },
  };
}

function thousands(value: number): string {
  const digits = value < 100_000 && value % 1000 !== 0 ? 1 : 0;
  return `${(value / 1000).toFixed(digits)} k`;
}
