/**
 * The ids that a run has seen, in 8 bytes each and not 80: a hash of 53 bits in an open table. Two
 * ids of a million share a hash once in twenty thousand runs; then one user is counted as a
 * duplicate. It is written all the same, and what proves a run complete is counted by Postgres.
 */
export interface SeenIds {
  has(id: string): boolean;
  add(id: string): void;
}

const FIRST_SLOTS = 1 << 12;
const FULLEST = 0.6;

export function createSeenIds(): SeenIds {
  let slots = new Float64Array(FIRST_SLOTS);
  let used = 0;

  function slotOf(table: Float64Array, hash: number): number {
    let slot = hash % table.length;
    while (table[slot] !== 0 && table[slot] !== hash) slot = (slot + 1) % table.length;
    return slot;
  }

  function grow(): void {
    const larger = new Float64Array(slots.length * 2);
    for (const hash of slots) if (hash !== 0) larger[slotOf(larger, hash)] = hash;
    slots = larger;
  }

  return {
    has(id) {
      const hash = hashOf(id);
      return slots[slotOf(slots, hash)] === hash;
    },
    add(id) {
      const hash = hashOf(id);
      const slot = slotOf(slots, hash);
      if (slots[slot] === hash) return;
      slots[slot] = hash;
      used += 1;
      if (used > slots.length * FULLEST) grow();
    },
  };
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
