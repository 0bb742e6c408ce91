/** A well-mixed 32-bit number for one row of one seed: no state, so any row can be made alone. */
export function hash(seed: number, slot: number, salt: number): number {
  let mixed =
    Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^
    Math.imul(slot + 1, 0xc2b2ae35) ^
    Math.imul(salt + 1, 0x27d4eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The same as a fraction in [0, 1). */
export function fraction(seed: number, slot: number, salt: number): number {
  return hash(seed, slot, salt) / 4_294_967_296;
}

export interface Dice {
  /** A fraction in [0, 1). */
  next(): number;
  /** A whole number in [0, sides). */
  below(sides: number): number;
  /** True once in `sides` throws. */
  oneIn(sides: number): boolean;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** Dice that always fall the same way for one start. */
export function diceFrom(start: number): Dice {
  let state = start >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (sides: number): number => Math.floor(next() * sides);
  return {
    next,
    below,
    oneIn: (sides) => below(sides) === 0,
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
  };
}
