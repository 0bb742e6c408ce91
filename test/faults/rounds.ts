/** How many times the usual number of rounds are run: more find more, and take as much longer. */
export const ROUNDS = Math.max(1, Number(process.env.FAULT_ROUNDS ?? 1) || 1);

/** For a test that searches: it ends when its rounds are over, and this is only for one that hangs. */
export const SEARCH_MAX_MS = ROUNDS * 600_000;

/**
 * A search at random. What it finds is told with its seed at once; with that seed in `FAULT_SEED`
 * the same is found again, and made as small as it can be.
 */
export function rounds(usually: number) {
  const seed = process.env.FAULT_SEED;
  const again = seed === undefined ? { endOnFailure: true } : { seed: Number(seed) };
  return { numRuns: usually * ROUNDS, ...again };
}
