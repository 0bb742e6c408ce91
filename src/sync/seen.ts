/**
 * The ids that a run has seen, in some 8 bytes each and not 80: a hash of 52 bits in an open table. Two
 * ids of a million share a hash once in nine thousand runs; then one user is counted as a
 * duplicate. It is written all the same, and what proves a run complete is counted by Postgres.
 */
export interface SeenIds {
  has(id: string): boolean;
  add(id: string): void;
}

// Each part grows by itself and by little: there is never a second copy of all, nor much room to spare. And
// so few parts are large when there are many ids, so that what they let go is given back to the system.
// They begin with different sizes, or all would grow at about the same time. A power of two.
const PARTS = 16;
const FIRST_SLOTS = 256;
const GROWTH = 1.25;
const FULLEST = 0.8;

export function createSeenIds(): SeenIds {
  const parts = Array.from({ length: PARTS }, (_, nth) =>
    createPart(Math.ceil(FIRST_SLOTS * GROWTH ** (nth / PARTS))),
  );
  const partOf = ({ part }: Hash) => parts[part] as Part;
  return {
    has(id) {
      const hash = hashOf(id);
      return partOf(hash).has(hash);
    },
    add(id) {
      const hash = hashOf(id);
      partOf(hash).add(hash);
    },
  };
}

/** The part is where it is kept, so that 48 bits of it have to be. */
interface Hash {
  readonly part: number;
  readonly high: number;
  readonly low: number;
}

interface Part {
  has(hash: Hash): boolean;
  add(hash: Hash): void;
}

function createPart(firstSlots: number): Part {
  let slots = createSlots(firstSlots);
  let used = 0;

  function grow(): void {
    const larger = createSlots(Math.ceil(slots.lows.length * GROWTH));
    for (let slot = 0; slot < slots.lows.length; slot += 1) {
      const low = slots.lows[slot] as number;
      if (low !== 0) put(larger, slots.highs[slot] as number, low);
    }
    // Left to the collector. To detach a buffer (`transfer`) frees it at once, and makes V8 throw away all
    // code that was compiled for typed arrays, in the whole process, and check each access from then on.
    slots = larger;
  }

  return {
    has: ({ high, low }) => slots.lows[slotOf(slots, high, low)] === low,
    add({ high, low }) {
      if (!put(slots, high, low)) return;
      used += 1;
      if (used > slots.lows.length * FULLEST) grow();
    },
  };
}

/** The two halves of each hash. A low of 0 marks a free slot. */
interface Slots {
  readonly lows: Uint32Array<ArrayBuffer>;
  readonly highs: Uint16Array<ArrayBuffer>;
}

function createSlots(length: number): Slots {
  return { lows: new Uint32Array(length), highs: new Uint16Array(length) };
}

/** False: it was there. */
function put(slots: Slots, high: number, low: number): boolean {
  const slot = slotOf(slots, high, low);
  if (slots.lows[slot] === low) return false;
  slots.lows[slot] = low;
  slots.highs[slot] = high;
  return true;
}

/** Where the hash is, or would be put. */
function slotOf({ lows, highs }: Slots, high: number, low: number): number {
  let slot = low % lows.length;
  while (lows[slot] !== 0 && (lows[slot] !== low || highs[slot] !== high)) {
    slot = slot + 1 < lows.length ? slot + 1 : 0;
  }
  return slot;
}

/** Two rounds of FNV-1a with different starts. */
function hashOf(id: string): Hash {
  let first = 0x811c9dc5;
  let second = 0x1b873593;
  for (let at = 0; at < id.length; at += 1) {
    const unit = id.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x85ebca6b);
    second ^= second >>> 13;
  }
  const low = (second ^ (first >>> 7)) >>> 0;
  return { part: first & (PARTS - 1), high: (first >>> 4) & 0xffff, low: low || 1 };
}
