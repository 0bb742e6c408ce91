export const sorts = ['created_at', 'last_request_at', 'signed_up_at', 'updated_at'] as const;
export type Sort = (typeof sorts)[number];
export type Order = 'asc' | 'desc';

/** A list of rows that is never copied: a page reads the few positions it needs. */
export interface Rows {
  readonly length: number;
  at(position: number): number;
  /** What the row is sorted by; rows with the same key are in no certain order. */
  keyAt(position: number): number;
}

/**
 * Rows in the order of one time column, kept sorted through changes: a sort of the whole table at
 * each request would cost seconds at a million rows, a splice costs a fraction of a millisecond.
 */
export class SortedIndex {
  /** The key under which each row stands in the index: NaN for no time, undefined for not in it. */
  readonly #keys: (number | undefined)[] = [];
  readonly #dated: number[] = [];
  /** Rows without a time come last, in both directions. */
  readonly #undated: number[] = [];

  constructor(slots: Iterable<number>, keyOf: (slot: number) => number) {
    for (const slot of slots) {
      const key = keyOf(slot);
      this.#keys[slot] = key;
      (Number.isNaN(key) ? this.#undated : this.#dated).push(slot);
    }
    this.#dated.sort((a, b) => this.#compare(a, b));
  }

  put(slot: number, key: number): void {
    this.remove(slot);
    this.#keys[slot] = key;
    if (Number.isNaN(key)) this.#undated.push(slot);
    else
      this.#dated.splice(
        this.#find((other) => this.#compare(other, slot) < 0),
        0,
        slot,
      );
  }

  remove(slot: number): void {
    const key = this.#keys[slot];
    if (key === undefined) return;
    const list = Number.isNaN(key) ? this.#undated : this.#dated;
    const position = Number.isNaN(key)
      ? list.indexOf(slot)
      : this.#find((other) => this.#compare(other, slot) < 0);
    list.splice(position, 1);
    this.#keys[slot] = undefined;
  }

  rows(order: Order): Rows {
    const dated = this.#dated;
    const undated = this.#undated;
    const last = dated.length - 1;
    const at = (position: number): number => {
      if (position > last) return undated[position - last - 1] ?? -1;
      return dated[order === 'asc' ? position : last - position] ?? -1;
    };
    return {
      length: dated.length + undated.length,
      at,
      keyAt: (position) => this.#keys[at(position)] ?? Number.NaN,
    };
  }

  /** The rows whose key is at least this, as the same kind of view. */
  rowsSince(least: number, order: Order): Rows {
    const rows = this.rows(order);
    const first = this.#find((slot) => (this.#keys[slot] ?? 0) < least);
    const length = this.#dated.length - first;
    const offset = order === 'asc' ? first : 0;
    return {
      length,
      at: (position) => rows.at(offset + position),
      keyAt: (position) => rows.keyAt(offset + position),
    };
  }

  /** By time, then by slot: a total order, so that a row can be found again to be moved. */
  #compare(a: number, b: number): number {
    return (this.#keys[a] ?? 0) - (this.#keys[b] ?? 0) || a - b;
  }

  /** The first position of the dated rows for which `isBefore` no longer holds. */
  #find(isBefore: (slot: number) => boolean): number {
    let low = 0;
    let high = this.#dated.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#dated[middle] ?? -1)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function rowsFrom(slots: readonly number[], keyOf: (slot: number) => number): Rows {
  const at = (position: number): number => slots[position] ?? -1;
  return { length: slots.length, at, keyAt: (position) => keyOf(at(position)) };
}

/** The rows of one page. */
export function slice(rows: Rows, from: number, to: number): number[] {
  const slots: number[] = [];
  for (let position = from; position < Math.min(to, rows.length); position += 1) {
    slots.push(rows.at(position));
  }
  return slots;
}

/**
 * The rows of one page where rows with equal keys stand in another order at each request, so that
 * those which straddle two pages come twice or not at all.
 */
export function sliceUnstably(
  rows: Rows,
  from: number,
  to: number,
  rankOf: (slot: number) => number,
): number[] {
  const end = Math.min(to, rows.length);
  const slots: number[] = [];
  let position = from;
  while (position < end) {
    let first = position;
    while (first > 0 && isTied(rows, first - 1, position)) first -= 1;
    let last = position + 1;
    while (last < rows.length && isTied(rows, last, position)) last += 1;
    const tied = slice(rows, first, last).sort((a, b) => rankOf(a) - rankOf(b));
    slots.push(...tied.slice(position - first, end - first));
    position = last;
  }
  return slots;
}

function isTied(rows: Rows, a: number, b: number): boolean {
  return Object.is(rows.keyAt(a), rows.keyAt(b));
}
