import { makeTexts, PEOPLE_MAX } from './api/people.ts';
import type { Figure } from './figures.ts';
import { describeMachine, type Machine } from './machine.ts';
import type { BenchPostgres } from './postgres.ts';
import type { Series } from './scene.ts';
import type { Sizes } from './sizes.ts';

/** What `results.json` holds. */
export interface Results {
  readonly date: string;
  readonly size: Sizes['name'];
  readonly machine: Machine;
  readonly postgres: {
    readonly version: string;
    readonly origin: string;
    readonly settings: Readonly<Record<string, string>>;
  };
  /** Mean length of a user's JSON. */
  readonly userBytes: number;
  readonly figures: readonly Figure[];
  readonly series: readonly Series[];
  readonly notes: readonly string[];
}

export async function beginResults(sizes: Sizes, postgres: BenchPostgres): Promise<Results> {
  const { version, origin, settings } = postgres;
  const machine = await describeMachine();
  return {
    date: new Date().toISOString(),
    size: sizes.name,
    machine,
    postgres: { version, origin, settings },
    userBytes: Math.round(meanUserBytes()),
    figures: [],
    series: [],
    notes: [...unsafeSettings(settings), ...busyness(machine)],
  };
}

function meanUserBytes(): number {
  const texts = makeTexts(PEOPLE_MAX, 0);
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / texts.length;
}

/** A server that may lose a commit is faster, and another thing than what is measured here. */
function unsafeSettings(settings: Readonly<Record<string, string>>): string[] {
  return ['fsync', 'synchronous_commit', 'full_page_writes']
    .filter((name) => settings[name] !== 'on')
    .map((name) => `${name} is ${settings[name]}: a crash may lose what was committed`);
}

function busyness({ loadBefore, cores }: Machine): string[] {
  if (loadBefore < cores / 2) return [];
  return [`the machine was busy before (load ${loadBefore} on ${cores} cores): figures are noisy`];
}
