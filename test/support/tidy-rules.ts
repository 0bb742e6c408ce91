import { posix } from 'node:path';
import { type ParsedSource, parseSources, type SourceText } from './parsed-source.ts';

const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const WHY = '(docs/ARCHITECTURE.md says why)';

/** What `src/sync/` knows nothing of: no HTTP, no SQL, no driver, no logger. */
const NOT_IN_SYNC = [
  ...['pino', 'pino-pretty', 'pg', 'drizzle-orm', 'bottleneck', 'p-retry', 'undici'],
  ...['node:http', 'node:https', 'node:http2', 'node:net', 'node:tls'],
];
/** Each of these has one place that knows how to use it without its traps. */
const ONE_PLACE: Readonly<Record<string, string>> = {
  bottleneck: 'src/intercom/limits.ts',
  'p-retry': 'src/intercom/limits.ts',
  undici: 'src/intercom/http.ts',
  'node:https': 'src/intercom/http.ts',
  'pg-boss': 'src/worker/schedule.ts',
  'cron-parser': 'src/cron.ts',
};
/** It knows where its secret may go. What is asked of Intercom goes through `node:https`. */
const FETCH_PLACE = 'src/worker/notify.ts';
const ENVIRONMENT_PLACE = 'src/main.ts';
const COMPOSERS = ['src/main.ts', 'src/cli/', 'src/worker/'];
/** Names that say nothing of what is in the file, so that everything ends up in it. */
const EMPTY_NAMES = ['utils', 'helpers', 'common', 'types', 'lib', 'index'];

type Rule = (files: readonly ParsedSource[]) => string[];

/** Everything that is untidy in these files, a sentence each; the rules of the house, as a function. */
export function findUntidy(sources: readonly SourceText[]): string[] {
  const files = parseSources(sources);
  return RULES.flatMap((rule) => rule(files));
}

const RULES: readonly Rule[] = [
  checkLayers,
  checkPlaces,
  checkCircles,
  checkSizes,
  checkTests,
  checkExportsAndNames,
];

function checkLayers(files: readonly ParsedSource[]): string[] {
  return ofSource(files).flatMap((file) => {
    const isIn = (folder: string) => file.path.startsWith(folder);
    const from = (folder: string) => file.imports.filter((target) => target.startsWith(folder));
    const violation = (target: string, rule: string) =>
      `layer violation: ${file.path} imports ${target}; ${rule} ${WHY}`;
    const intercom = from('src/intercom/');
    const postgres = from('src/postgres/');
    const found: string[] = [];
    const forbid = (targets: string[], rule: string) => {
      for (const target of targets) found.push(violation(target, rule));
    };
    const siblings = 'src/intercom/ and src/postgres/ know nothing of each other';
    if (isIn('src/intercom/')) forbid(postgres, siblings);
    if (isIn('src/postgres/')) forbid(intercom, siblings);
    if (isIn('src/sync/')) {
      const libraries = file.imports.filter((target) => NOT_IN_SYNC.includes(target));
      forbid([...intercom, ...postgres, ...libraries], 'src/sync/ declares what it needs');
      if (file.usesFetch) forbid(['fetch'], 'src/sync/ declares what it needs');
    }
    if (isIn('src/simulator/')) {
      const isOwn = (target: string) => /^(src\/simulator\/|node:)/.test(target);
      const foreign = file.imports.filter((target) => !isOwn(target));
      forbid(foreign, 'src/simulator/ shares nothing with what it tests');
    }
    const isComposer = COMPOSERS.some(isIn);
    const isSibling = isIn('src/intercom/') || isIn('src/postgres/') || isIn('src/sync/');
    if (!isComposer && !isSibling && intercom.length > 0 && postgres.length > 0) {
      forbid([...intercom, ...postgres], 'only src/cli/ and src/worker/ put both sides together');
    }
    return found;
  });
}

function checkPlaces(files: readonly ParsedSource[]): string[] {
  return ofSource(files).flatMap((file) => {
    const found: string[] = [];
    for (const [name, place] of Object.entries(ONE_PLACE)) {
      if (file.imports.includes(name) && file.path !== place) {
        found.push(`layer violation: ${file.path} imports ${name}; only ${place} does ${WHY}`);
      }
    }
    if (file.usesFetch && file.path !== FETCH_PLACE) {
      found.push(`layer violation: ${file.path} uses fetch; only ${FETCH_PLACE} does ${WHY}`);
    }
    if (file.readsEnvironment && file.path !== ENVIRONMENT_PLACE) {
      found.push(
        `layer violation: ${file.path} reads process.env; only ${ENVIRONMENT_PLACE} does ${WHY}`,
      );
    }
    return found;
  });
}

/** Each circle once, told from its first file in the alphabet. Imports of types count as well. */
function checkCircles(files: readonly ParsedSource[]): string[] {
  const importsOf = new Map(ofPrograms(files).map(({ path, imports }) => [path, imports]));
  const circles = new Map<string, string>();
  for (const start of [...importsOf.keys()].sort()) {
    const circle = shortestWayBack(start, importsOf);
    if (circle === null) continue;
    const members = [...new Set(circle)].sort().join();
    if (!circles.has(members)) circles.set(members, circle.join(' → '));
  }
  return [...circles.values()].map((circle) => `import circle: ${circle} ${WHY}`);
}

function shortestWayBack(
  start: string,
  importsOf: ReadonlyMap<string, readonly string[]>,
): string[] | null {
  const seen = new Set<string>();
  const ways: string[][] = [[start]];
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const next of importsOf.get(way.at(-1) ?? '') ?? []) {
      if (next === start) return [...way, start];
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return null;
}

function checkSizes(files: readonly ParsedSource[]): string[] {
  return ofPrograms(files).flatMap(({ path, lineCount, functions }) => [
    ...(lineCount > FILE_LINES_MAX
      ? [`${path} has ${lineCount} lines; a file is one thing, in ${FILE_LINES_MAX} at most`]
      : []),
    ...functions
      .filter((found) => found.lineCount > FUNCTION_LINES_MAX)
      .map(
        (found) =>
          `${path}:${found.line} has a function of ${found.lineCount} lines; ` +
          `a function fits a screen, ${FUNCTION_LINES_MAX} at most`,
      ),
  ]);
}

function checkTests(files: readonly ParsedSource[]): string[] {
  return files
    .filter(({ path }) => path.startsWith('test/'))
    .flatMap(({ path, heldBack }) =>
      heldBack.map((name) => `${path} holds tests back with .${name}; every test runs`),
    );
}

function checkExportsAndNames(files: readonly ParsedSource[]): string[] {
  const isEmptyName = (path: string) =>
    EMPTY_NAMES.includes(posix.basename(path).split('.')[0] ?? '');
  return [
    ...ofPrograms(files)
      .filter(({ hasDefaultExport }) => hasDefaultExport)
      .map(({ path }) => `${path} has a default export; exports have names`),
    ...files
      .filter(({ path }) => isEmptyName(path))
      .map(({ path }) => `${path} is named for nothing in it; name what it holds`),
  ];
}

function ofSource(files: readonly ParsedSource[]): ParsedSource[] {
  return files.filter(({ path }) => path.startsWith('src/'));
}

/** What is measured, and what measures it. */
function ofPrograms(files: readonly ParsedSource[]): ParsedSource[] {
  return files.filter(({ path }) => path.startsWith('src/') || path.startsWith('bench/'));
}
