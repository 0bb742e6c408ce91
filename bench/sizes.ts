/** How much of everything a run of the benchmark measures. */
export interface Sizes {
  readonly name: 'laptop' | 'full' | 'small';
  readonly rounds: number;
  readonly shapes: readonly Shape[];
  readonly carrier: { readonly users: number };
  readonly rivals: { readonly users: number; readonly hasOfficialClient: boolean };
  readonly latencies: readonly { readonly latencyMs: number; readonly calls: number }[];
  readonly rateLimits: readonly { readonly limit: number; readonly isShared: boolean }[];
  /** Whole windows of ten seconds that each rate limit is watched for. */
  readonly windows: number;
  /** Users of each load whose memory is looked at, the smallest first. */
  readonly loads: readonly number[];
  readonly loadRounds: number;
  readonly starts: number;
}

/** How users are read. A list ends at 10,000, so whoever is to be listed must be fewer. */
export interface Shape {
  readonly how: 'list' | 'scroll';
  readonly perPage: number;
  readonly users: number;
}

/** Under five minutes on a laptop. */
const LAPTOP: Sizes = {
  name: 'laptop',
  rounds: 3,
  shapes: [
    { how: 'list', perPage: 50, users: 9_000 },
    { how: 'scroll', perPage: 100, users: 20_000 },
  ],
  carrier: { users: 20_000 },
  rivals: { users: 10_100, hasOfficialClient: false },
  latencies: [{ latencyMs: 100, calls: 100 }],
  rateLimits: [{ limit: 83, isShared: false }],
  windows: 2,
  loads: [20_000, 100_000],
  loadRounds: 1,
  starts: 5,
};

const FULL: Sizes = {
  name: 'full',
  rounds: 5,
  shapes: [
    { how: 'list', perPage: 50, users: 9_000 },
    { how: 'list', perPage: 60, users: 9_000 },
    { how: 'scroll', perPage: 100, users: 50_000 },
  ],
  carrier: { users: 50_000 },
  rivals: { users: 20_000, hasOfficialClient: true },
  latencies: [
    { latencyMs: 20, calls: 180 },
    { latencyMs: 100, calls: 180 },
    { latencyMs: 300, calls: 100 },
  ],
  rateLimits: [
    { limit: 83, isShared: false },
    { limit: 83, isShared: true },
    { limit: 1_666, isShared: false },
    { limit: 1_666, isShared: true },
  ],
  windows: 4,
  loads: [10_100, 100_000, 1_000_000],
  loadRounds: 3,
  starts: 10,
};

/** Everything once, to see whether it works. Says nothing of speed. */
const SMALL: Sizes = {
  ...FULL,
  name: 'small',
  rounds: 2,
  shapes: [
    { how: 'list', perPage: 60, users: 600 },
    { how: 'scroll', perPage: 100, users: 10_100 },
  ],
  carrier: { users: 10_100 },
  rivals: { users: 10_100, hasOfficialClient: true },
  latencies: [{ latencyMs: 20, calls: 20 }],
  rateLimits: [{ limit: 20, isShared: true }],
  windows: 1,
  loads: [10_100, 20_000],
  loadRounds: 2,
  starts: 2,
};

export const SIZES: Readonly<Record<Sizes['name'], Sizes>> = {
  laptop: LAPTOP,
  full: FULL,
  small: SMALL,
};
