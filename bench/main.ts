import { parseArgs } from 'node:util';
import { measureAgainstCarrier } from './measures/against-carrier.ts';
import { measureAgainstCopy } from './measures/against-copy.ts';
import { measureAgainstRivals } from './measures/against-rivals.ts';
import { measureColdStart } from './measures/cold-start.ts';
import { measureLargeLoads } from './measures/large-loads.ts';
import { measureLatency } from './measures/latency.ts';
import { measureRateLimit } from './measures/rate-limit.ts';
import { openPostgres } from './postgres.ts';
import { beginResults, type Results } from './results.ts';
import { loadResults, saveResults } from './saved.ts';
import type { Measure, Scene } from './scene.ts';
import { SIZES } from './sizes.ts';
import { renderResults } from './table.ts';

const MEASURES: Readonly<Record<string, Measure>> = {
  start: measureColdStart,
  copy: measureAgainstCopy,
  carrier: measureAgainstCarrier,
  rivals: measureAgainstRivals,
  latency: measureLatency,
  'rate-limit': measureRateLimit,
  loads: measureLargeLoads,
};
const OWN_FOLDER = import.meta.dirname;
const INTERRUPTED = 130;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The servers beside us end when we do, however that comes about.
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    process.stderr.write('stopping: ending what was started (once more to leave at once)\n');
    stop.abort(new Error('interrupted'));
  });
}
process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: 'laptop' },
      only: { type: 'string' },
      out: { type: 'string' },
      redraw: { type: 'boolean', default: false },
    },
  });
  if (values.redraw) {
    await saveResults(await loadResults(values.out ?? OWN_FOLDER), values.out ?? OWN_FOLDER);
    return 0;
  }
  const sizes = Object.values(SIZES).find(({ name }) => name === values.size);
  const names = values.only?.split(',') ?? Object.keys(MEASURES);
  const unknown = names.find((name) => !(name in MEASURES));
  if (!sizes || unknown !== undefined) {
    process.stderr.write(
      `--size is one of ${Object.keys(SIZES)}, --only some of ${Object.keys(MEASURES)}\n`,
    );
    return 2;
  }
  try {
    const results = await measureAll(sizes, names);
    process.stdout.write(`${renderResults(results)}\n`);
    // A part of the measures, or sizes that say nothing, must not stand where the results do.
    const isWhole = values.only === undefined && sizes.name !== 'small';
    const folder = values.out ?? (isWhole ? OWN_FOLDER : undefined);
    if (folder !== undefined) await saveResults(results, folder);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return INTERRUPTED;
    throw error;
  }
}

async function measureAll(sizes: Scene['sizes'], names: readonly string[]): Promise<Results> {
  const startedMs = performance.now();
  const tell = (what: string) => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`${String(seconds).padStart(5)} s  ${what}\n`);
  };
  const releases: (() => Promise<unknown>)[] = [];
  try {
    tell('starting a Postgres');
    const postgres = await openPostgres(process.env.BENCH_DATABASE_URL);
    const { signal } = stop;
    releases.push(postgres.close);
    const defer = (release: () => Promise<unknown>) => void releases.push(release);
    const scene: Scene = { sizes, postgres, signal, tell, defer };
    let results = await beginResults(sizes, postgres);
    for (const name of names) {
      const {
        figures,
        series = [],
        notes = [],
      } = (await MEASURES[name]?.(scene)) ?? {
        figures: [],
      };
      results = {
        ...results,
        figures: [...results.figures, ...figures],
        series: [...results.series, ...series],
        notes: [...results.notes, ...notes],
      };
    }
    return results;
  } finally {
    for (const release of releases.reverse()) {
      await release().catch((error) => tell(`could not clean up: ${error}`));
    }
  }
}
