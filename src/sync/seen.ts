/**
 * The ids that a run has seen, in some 12 bytes each and not 80: a hash of 53 bits in an open table. Two
 * ids of a million share a hash once in twenty thousand runs; then one user is counted as a
 * duplicate. It is written all the same, and what proves a run complete is counted by Postgres.
 */
export interface SeenIds {
  has(id: string): boolean;
  add(id: string): void;
}

// Each part grows by itself and by little: there is never a second copy of all, nor much room to spare. And
// so few parts are large when there are many ids, so that what they let go is given back to the system.
const PARTS = 16;
const FIRST_SLOTS = 256;
const GROWTH = 1.25;
const FULLEST = 0.8;

export function createSeenIds(): SeenIds {
  const parts = Array.from({ length: PARTS }, createPart);
  const partOf = (hash: number) => parts[lowBits(hash) % PARTS] as Part;
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

interface Part {
  has(hash: number): boolean;
  add(hash: number): void;
}

function createPart(): Part {
  let slots = new Float64Array(FIRST_SLOTS);
  let used = 0;

  function grow(): void {
    const larger = new Float64Array(Math.ceil(slots.length * GROWTH));
    for (const hash of slots) if (hash !== 0) larger[slotOf(larger, hash)] = hash;
    // Let go of now, and not when the collector comes.
    slots.buffer.transfer(0);
    slots = larger;
  }

  return {
    has: (hash) => slots[slotOf(slots, hash)] === hash,
    add(hash) {
      const slot = slotOf(slots, hash);
      if (slots[slot] === hash) return;
      slots[slot] = hash;
      used += 1;
      if (used > slots.length * FULLEST) grow();
    },
  };
}

/** Where the hash is, or would be put. Not by the bits that chose the part: in there they are all alike. */
function slotOf(slots: Float64Array, hash: number): number {
  let slot = Math.floor(lowBits(hash) / PARTS) % slots.length;
  while (slots[slot] !== 0 && slots[slot] !== hash) slot = slot + 1 < slots.length ? slot + 1 : 0;
  return slot;
}

/** As many as fit a whole number that is cheap to reckon with. */
function lowBits(hash: number): number {
  return (hash % 2 ** 32) >>> 0;
}

/** Two rounds of FNV-1a with different starts, joined to 53 bits; never 0, which marks a free slot. */
function hashOf(id: string): number {
  let high = 0x811c9dc5;
  let low = 0x1b873593;
  for (let at = 0; at < id.length; at += 1) {
    const unit = id.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x85ebca6b);
    low ^= low >>> 13;
  }
  return ((high >>> 0) & 0x1fffff) * 2 ** 32 + ((low ^ (high >>> 7)) >>> 0) + 1;
}
