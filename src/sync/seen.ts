/**
 * The ids that a run has seen, in some 7 bytes each and not 80: a hash of 52 bits in an open table. Two
 * ids of a million share a hash once in nine thousand runs; then one user is counted as a
 * duplicate. It is written all the same, and what proves a run complete is counted by Postgres.
 */
export interface SeenIds {
  has(id: string): boolean;
  add(id: string): void;
}

/** Which part a hash is in need not be kept, so that 48 bits of it have to be. A power of two. */
const PARTS = 16;

export function createSeenIds(): SeenIds {
  const parts = Array.from({ length: PARTS }, () => new Part());
  const partOf = (hash: number) => parts[upperOf(hash) & (PARTS - 1)] as Part;
  return {
    has(id) {
      const hash = hashOf(id);
      return partOf(hash).has(lowOf(hash), highOf(hash));
    },
    add(id) {
      const hash = hashOf(id);
      partOf(hash).add(lowOf(hash), highOf(hash));
    },
  };
}

const FIRST_HOMES = 256;
const FULLEST = 0.9;
const GROWTH = 1.125;
/** Address space for 58 million users in all is set aside; memory comes as it is used. */
const SLOTS_MAX = 2 ** 22;

/**
 * Linear probing, with the lows in ascending order from the first slot to the last: each hash is at its home,
 * or at the first slot behind it and behind all that are lower. So a larger table is the same row of
 * hashes, spread further, and a part grows where it is: there is no second copy at any time, and
 * nothing for the collector to take away.
 */
class Part {
  readonly #lows = new Uint32Array(growable(Uint32Array.BYTES_PER_ELEMENT));
  readonly #highs = new Uint16Array(growable(Uint16Array.BYTES_PER_ELEMENT));
  #homes = FIRST_HOMES;
  #used = 0;

  has(low: number, high: number): boolean {
    return this.#lows[this.#slotOf(low, high)] === low;
  }

  add(low: number, high: number): void {
    const slot = this.#slotOf(low, high);
    if (this.#lows[slot] === low) return;
    this.#insert(slot, low, high);
    this.#used += 1;
    if (this.#used > this.#homes * FULLEST) this.#grow();
  }

  /** Where the hash is, or else has to be put: there is then a higher low, or none. */
  #slotOf(low: number, high: number): number {
    const lows = this.#lows;
    let slot = homeOf(low, this.#homes);
    for (;;) {
      // Behind the last slot there is none.
      const other = lows[slot] as number;
      if (!(other > 0 && other <= low)) return slot;
      if (other === low && this.#highs[slot] === high) return slot;
      slot += 1;
    }
  }

  /** All from there to the next free slot move up by one. */
  #insert(slot: number, low: number, high: number): void {
    const lows = this.#lows;
    let free = slot;
    while ((lows[free] as number) > 0) free += 1;
    if (free === lows.length) this.#resize(free + 1);
    if (free > slot) {
      lows.copyWithin(slot + 1, slot, free);
      this.#highs.copyWithin(slot + 1, slot, free);
    }
    lows[slot] = low;
    this.#highs[slot] = high;
  }

  /** First to the very end, without a gap, and from there to where each has to be, which is never further. */
  #grow(): void {
    const lows = this.#lows;
    const slots = lows.length;
    this.#homes = Math.ceil(this.#homes * GROWTH);
    this.#resize(Math.max(this.#homes, this.#slotsNeeded()));
    let end = lows.length;
    for (let from = slots - 1; from >= 0; from -= 1) {
      if (lows[from] === 0) continue;
      end -= 1;
      this.#move(from, end);
    }
    let next = 0;
    for (let from = end; from < lows.length; from += 1) {
      const to = Math.max(next, homeOf(lows[from] as number, this.#homes));
      this.#move(from, to);
      next = to + 1;
    }
  }

  #slotsNeeded(): number {
    let needed = 0;
    for (let slot = 0; slot < this.#lows.length; slot += 1) {
      const low = this.#lows[slot] as number;
      if (low !== 0) needed = Math.max(needed, homeOf(low, this.#homes)) + 1;
    }
    return needed;
  }

  #move(from: number, to: number): void {
    const low = this.#lows[from] as number;
    const high = this.#highs[from] as number;
    this.#lows[from] = 0;
    this.#lows[to] = low;
    this.#highs[to] = high;
  }

  #resize(slots: number): void {
    this.#lows.buffer.resize(slots * Uint32Array.BYTES_PER_ELEMENT);
    this.#highs.buffer.resize(slots * Uint16Array.BYTES_PER_ELEMENT);
  }
}

function growable(bytesEach: number): ArrayBuffer {
  return new ArrayBuffer(FIRST_HOMES * bytesEach, { maxByteLength: SLOTS_MAX * bytesEach });
}

/** In the order of the lows. */
function homeOf(low: number, homes: number): number {
  return Math.floor((low / 2 ** 32) * homes);
}

/** 52 bits, as two rounds of FNV-1a with different starts. In one number, which costs no allocation. */
function hashOf(id: string): number {
  let first = 0x811c9dc5;
  let second = 0x1b873593;
  for (let at = 0; at < id.length; at += 1) {
    const unit = id.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x85ebca6b);
    second ^= second >>> 13;
  }
  return (first & 0xfffff) * 2 ** 32 + ((second ^ (first >>> 7)) >>> 0);
}

/** Of 32 bits, and never 0, which marks a free slot. */
function lowOf(hash: number): number {
  return hash >>> 0 || 1;
}

/** Of 16 bits. */
function highOf(hash: number): number {
  return upperOf(hash) >>> 4;
}

function upperOf(hash: number): number {
  return Math.floor(hash / 2 ** 32);
}
