/** How many times the usual number of rounds are run: more find more, and take as much longer. */
export const ROUNDS = Math.max(1, Number(process.env.FAULT_ROUNDS ?? 1) || 1);
