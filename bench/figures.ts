/** One thing that was measured, in every round; nothing in it was ever typed in by hand. */
export interface Figure extends Heading {
  readonly rounds: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Heading {
  /** Stable, for whoever compares two results: `copy/scroll-100/first/ratio`. */
  readonly id: string;
  readonly what: string;
  readonly unit: Unit;
  readonly goal?: Goal | undefined;
}

/** `times` is a ratio of two figures that were taken side by side. */
export type Unit =
  | 'times'
  | 'users/s'
  | 'µs/user'
  | 'bytes/user'
  | 'MB'
  | 'ms'
  | 'percent'
  | 'calls';

export type Goal = { readonly atLeast: number } | { readonly atMost: number };

export function figureOf(heading: Heading, rounds: readonly number[]): Figure {
  if (rounds.length === 0) throw new TypeError(`${heading.id} was never measured`);
  return {
    ...heading,
    rounds,
    median: medianOf(rounds),
    min: Math.min(...rounds),
    max: Math.max(...rounds),
  };
}

/** The same, and nothing where this machine could not tell in every round. */
export function figureIfTold(heading: Heading, rounds: readonly (number | null)[]): Figure[] {
  const told = rounds.filter((value) => value !== null);
  return told.length < rounds.length ? [] : [figureOf(heading, told)];
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

export function isReached({ goal, median }: Figure): boolean | null {
  if (goal === undefined) return null;
  return 'atLeast' in goal ? median >= goal.atLeast : median <= goal.atMost;
}
