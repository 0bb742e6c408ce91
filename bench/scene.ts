import type { ServerOptions, ServerSeen } from './api/server.ts';
import { type Companion, startCompanion } from './companion.ts';
import type { Figure } from './figures.ts';
import type { BenchPostgres } from './postgres.ts';
import type { Sizes } from './sizes.ts';

/** What a measure has in hand. */
export interface Scene {
  readonly sizes: Sizes;
  readonly postgres: BenchPostgres;
  readonly signal: AbortSignal;
  /** So that whoever waits sees that something happens. */
  tell(what: string): void;
  /** Done at the end of everything, whatever ends it; the last first. */
  defer(release: () => Promise<unknown>): void;
}

export interface Measured {
  readonly figures: readonly Figure[];
  readonly series?: readonly Series[];
  /** What was left out, and why. */
  readonly notes?: readonly string[];
}

/** Figures along an axis, for the picture. */
export interface Series {
  readonly id: string;
  readonly what: string;
  readonly points: readonly { readonly users: number; readonly value: number }[];
}

export type Measure = (scene: Scene) => Promise<Measured>;

export interface Api {
  readonly url: string;
  /** May be called again. */
  stop(): Promise<ServerSeen>;
}

/** No limit that binds, and yet its headers are there to be read and followed. */
export const UNBOUND_RATE_LIMIT = 10_000_000;

const DEFAULTS: ServerOptions = {
  users: 0,
  edition: 0,
  perPage: 50,
  scrollPage: 100,
  latencyMs: 0,
  rateLimit: UNBOUND_RATE_LIMIT,
  othersTake: 0,
};

export async function startApi(scene: Scene, options: Partial<ServerOptions>): Promise<Api> {
  scene.signal.throwIfAborted();
  const companion: Companion = await startCompanion('./api/server.ts', { ...DEFAULTS, ...options });
  let seen: Promise<ServerSeen> | undefined;
  const stop = () => {
    seen ??= companion.stop().then((line) => JSON.parse(line) as ServerSeen);
    return seen;
  };
  scene.defer(stop);
  return { url: companion.firstLine, stop };
}
