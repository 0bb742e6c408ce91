import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { closeParser } from './support/parsed-source.ts';
import { findUntidy } from './support/tidy-rules.ts';

const ROOT = join(import.meta.dirname, '..');
const WHY = '(docs/ARCHITECTURE.md says why)';
const FETCH_PLACE = 'src/worker/notify.ts';

afterAll(closeParser);

test('this repository keeps its own rules', () => {
  const paths = ['src', 'bench', 'test'].flatMap((folder) =>
    globSync('**/*.ts', { cwd: join(ROOT, folder) }).map((path) => `${folder}/${path}`),
  );
  expect(paths).toContain('src/main.ts');
  expect(paths).toContain('bench/main.ts');
  expect(paths).toContain('test/tidy.test.ts');
  const sources = paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
  expect(findUntidy(sources)).toEqual([]);
});

test('every file that a document names is there', () => {
  const documents = ['*.md', 'docs/*.md', 'bench/*.md'].flatMap((names) =>
    globSync(names, { cwd: ROOT }),
  );
  expect(documents).toContain('docs/GUARANTEES.md');
  const missing = documents.flatMap((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const named = text.matchAll(/`((?:src|test|docs|bench|deploy|migrations)\/[\w./-]+)`/g);
    return [...named].flatMap(([, name = '']) => (existsSync(join(ROOT, name)) ? [] : [name]));
  });
  expect(missing).toEqual([]);
});

/** What the rules say of files that are planted for them, each with its text. */
function plant(files: Readonly<Record<string, string>>): string[] {
  return findUntidy(Object.entries(files).map(([path, text]) => ({ path, text })));
}

const layer = (path: string, target: string, rule: string) =>
  `layer violation: ${path} imports ${target}; ${rule} ${WHY}`;

test.each([
  ['a value', `import { a } from '../postgres/a.ts';`],
  ['a type', `import type { a } from '../postgres/a.ts';`],
  ['for its effect', `import '../postgres/a.ts';`],
  ['to hand it on', `export { a } from '../postgres/a.ts';`],
  ['all of it', `export * from '../postgres/a.ts';`],
  ['late', `const a = await import('../postgres/a.ts');`],
  ['within a type', `let a: import('../postgres/a.ts').A;`],
  ['in more lines than one', `import {\n  a,\n  type b,\n} from '../postgres/a.ts';`],
])('intercom that imports from postgres is found: %s', (_, text) => {
  const siblings = 'src/intercom/ and src/postgres/ know nothing of each other';
  expect(plant({ 'src/intercom/x.ts': text })).toEqual([
    layer('src/intercom/x.ts', 'src/postgres/a.ts', siblings),
  ]);
});

test('postgres that imports from intercom is found', () => {
  expect(plant({ 'src/postgres/deep/x.ts': `import { a } from '../../intercom/a.ts';` })).toEqual([
    layer(
      'src/postgres/deep/x.ts',
      'src/intercom/a.ts',
      'src/intercom/ and src/postgres/ know nothing of each other',
    ),
  ]);
});

test.each([
  ['../intercom/a.ts', 'src/intercom/a.ts'],
  ['../postgres/a.ts', 'src/postgres/a.ts'],
  ['pino', 'pino'],
  ['pg', 'pg'],
  ['drizzle-orm/pg-core', 'drizzle-orm'],
])('sync that imports %s is found', (specifier, target) => {
  expect(plant({ 'src/sync/x.ts': `import { a } from '${specifier}';` })).toEqual([
    layer('src/sync/x.ts', target, 'src/sync/ declares what it needs'),
  ]);
});

test.each([
  ['bottleneck', 'limits'],
  ['p-retry', 'limits'],
  ['undici', 'http'],
  ['node:https', 'http'],
])('sync that imports %s is found twice', (name, place) => {
  expect(plant({ 'src/sync/x.ts': `import a from '${name}';` })).toEqual([
    layer('src/sync/x.ts', name, 'src/sync/ declares what it needs'),
    layer('src/sync/x.ts', name, `only src/intercom/${place}.ts does`),
  ]);
});

test.each([
  ['../errors.ts', 'src/errors.ts'],
  ['../intercom/user.ts', 'src/intercom/user.ts'],
  ['zod', 'zod'],
  ['@scope/thing/part', '@scope/thing'],
])('a simulator that imports %s is found', (specifier, target) => {
  const text = `import './a.ts';\nimport { b } from 'node:http';\nimport { c } from '${specifier}';`;
  expect(plant({ 'src/simulator/x.ts': text })).toEqual([
    layer('src/simulator/x.ts', target, 'src/simulator/ shares nothing with what it tests'),
  ]);
});

test('whoever puts both sides together is found, outside cli, worker and main', () => {
  const both = `import { a } from './intercom/a.ts';\nimport { b } from './postgres/b.ts';`;
  const rule = 'only src/cli/ and src/worker/ put both sides together';
  expect(plant({ 'src/x.ts': both, 'src/main.ts': both })).toEqual([
    layer('src/x.ts', 'src/intercom/a.ts', rule),
    layer('src/x.ts', 'src/postgres/b.ts', rule),
  ]);
  const further = both.replaceAll('./', '../');
  expect(plant({ 'src/cli/x.ts': further, 'src/worker/x.ts': further })).toEqual([]);
  expect(plant({ 'src/x.ts': both.split('\n')[0] ?? '' })).toEqual([]);
});

test('bottleneck and p-retry are found outside of limits.ts, and not within', () => {
  const text = `import Bottleneck from 'bottleneck';\nimport retry from 'p-retry';`;
  expect(plant({ 'src/intercom/limits.ts': text, 'src/intercom/list.ts': text })).toEqual([
    layer('src/intercom/list.ts', 'bottleneck', 'only src/intercom/limits.ts does'),
    layer('src/intercom/list.ts', 'p-retry', 'only src/intercom/limits.ts does'),
  ]);
});

test.each([
  ['pg-boss', 'src/worker/schedule.ts'],
  ['cron-parser', 'src/cron.ts'],
  ['node:https', 'src/intercom/http.ts'],
])('%s is found outside of its one place, and not within', (name, place) => {
  const text = `import { a } from '${name}';`;
  expect(plant({ [place]: text, 'src/worker/worker.ts': text })).toEqual([
    layer('src/worker/worker.ts', name, `only ${place} does`),
  ]);
});

test.each([
  `await fetch('https://example.com');`,
  `await globalThis.fetch('https://example.com');`,
  `const get = fetch;`,
  `const client = { get: fetch };`,
  `const client = { fetch };`,
  `open(fetch);`,
  `function open(get = fetch) { return get; }`,
  `const get = given ?? fetch;`,
  `const get = fetch.bind(null);`,
  `const get = () => fetch;`,
  `function get() { return fetch; }`,
  `const gets = [fetch];`,
  `const get = (fetch as Get) ?? other;`,
])('fetch is found outside of its place: %s', (text) => {
  const planted = { 'src/cli/x.ts': text, [FETCH_PLACE]: text, 'src/worker/x.ts': text };
  expect(plant(planted)).toEqual([
    `layer violation: src/cli/x.ts uses fetch; only ${FETCH_PLACE} does ${WHY}`,
    `layer violation: src/worker/x.ts uses fetch; only ${FETCH_PLACE} does ${WHY}`,
  ]);
});

test('fetch in sync is a matter of layers too', () => {
  expect(plant({ 'src/sync/x.ts': `await fetch('x');` })).toEqual([
    layer('src/sync/x.ts', 'fetch', 'src/sync/ declares what it needs'),
    `layer violation: src/sync/x.ts uses fetch; only ${FETCH_PLACE} does ${WHY}`,
  ]);
});

test.each([
  `const sql = 'fetch forward 10'; // fetch(this)`,
  `await source.fetch('x');`,
  `interface Reader { fetch(): void; get: typeof fetch }`,
  `const reader = { fetch: 1, a: { fetch() {} } };`,
])('what is only called like fetch is let be: %s', (text) => {
  expect(plant({ 'src/cli/x.ts': text })).toEqual([]);
});

test.each([
  `const url = process.env.DATABASE_URL;`,
  `start({ env: process.env });`,
  `const url = process['env'].DATABASE_URL;`,
  `const { env } = process;`,
  `import { env } from 'node:process';`,
  `import * as p from 'process';`,
])('the environment is found outside of main.ts: %s', (text) => {
  expect(plant({ 'src/config.ts': text, 'src/main.ts': text })).toEqual([
    `layer violation: src/config.ts reads process.env; only src/main.ts does ${WHY}`,
  ]);
});

test('the rest of process, and words about its environment, are let be', () => {
  const text = `// process.env\nprocess.exitCode = 1; const a = 'process.env'; start({ env: {} });`;
  expect(plant({ 'src/config.ts': text })).toEqual([]);
});

test('circles are found, each once, of types too, and however long', () => {
  expect(
    plant({
      'src/a.ts': `import './b.ts';`,
      'src/b.ts': `import type { C } from './deep/c.ts';`,
      'src/deep/c.ts': `export * from '../a.ts';\nimport '../d.ts';`,
      'src/d.ts': `import './deep/e.ts';`,
      'src/deep/e.ts': `const d = await import('../d.ts');`,
      'src/self.ts': `import './self.ts';`,
      'src/outside.ts': `import './a.ts';\nimport './end.ts';`,
      'src/end.ts': '',
    }),
  ).toEqual([
    `import circle: src/a.ts → src/b.ts → src/deep/c.ts → src/a.ts ${WHY}`,
    `import circle: src/d.ts → src/deep/e.ts → src/d.ts ${WHY}`,
    `import circle: src/self.ts → src/self.ts ${WHY}`,
  ]);
});

test('two ways to the same end are no circle', () => {
  const files = { 'src/a.ts': `import './b.ts';\nimport './c.ts';`, 'src/c.ts': '' };
  expect(plant({ ...files, 'src/b.ts': `import './c.ts';` })).toEqual([]);
});

test('a file of 300 lines may be, one of 301 may not', () => {
  const lines = (count: number) => 'work();\n'.repeat(count);
  expect(
    plant({ 'src/a.ts': lines(300), 'src/b.ts': lines(301), 'test/a.ts': lines(400) }),
  ).toEqual(['src/b.ts has 301 lines; a file is one thing, in 300 at most']);
});

test('what measures the program keeps to its sizes, names and exports, and goes in no circle', () => {
  const lines = 'work();\n'.repeat(301);
  const files = { 'bench/a.ts': `import './b.ts';\nexport default 1;\n${lines}` };
  expect(plant({ ...files, 'bench/b.ts': `import './a.ts';` })).toEqual([
    `import circle: bench/a.ts → bench/b.ts → bench/a.ts ${WHY}`,
    'bench/a.ts has 303 lines; a file is one thing, in 300 at most',
    'bench/a.ts has a default export; exports have names',
  ]);
});

test.each([
  ['a function', 'export async function x(\n  a: string,\n): Promise<void> {', '}', 3],
  ['an arrow', 'const x = async () => {', '};', 1],
  ['a function as a value', 'const x = function () {', '};', 1],
  ['a callback', 'run(function () {', '});', 1],
])('%s of 70 lines may be, of 71 may not', (_, head, tail, headLines) => {
  // Braces in strings, templates and comments are no ends.
  const line = ["const a = '}';", 'const b = `\n}\n`;', '// }', 'if (a) {\n}'];
  const body = (count: number) => `${'work();\n'.repeat(count - 7)}${line.join('\n')}\n`;
  const text = (count: number) => `\n${head}\n${body(count - headLines - 1)}${tail}\n`;
  expect(plant({ 'src/a.ts': text(70) })).toEqual([]);
  expect(plant({ 'src/a.ts': text(71) })).toEqual([
    'src/a.ts:2 has a function of 71 lines; a function fits a screen, 70 at most',
  ]);
});

test.each(['constructor()', 'work()', 'get size()', 'set size(to: number)', 'static async go()'])(
  'a long member of a class is found: %s',
  (head) => {
    const text = `class A {\n  // 1\n  ${head} {\n${'work();\n'.repeat(69)}  }\n}`;
    expect(plant({ 'src/a.ts': text })).toEqual([
      'src/a.ts:3 has a function of 71 lines; a function fits a screen, 70 at most',
    ]);
  },
);

test.each([
  ['only', `test.only('x', () => {});`],
  ['skip', `describe.skip('x', () => {});`],
  ['todo', `it.todo('x');`],
  ['only', `test.concurrent.only('x', () => {});`],
  ['skip', `test.skip.each([1])('x', () => {});`],
  ['skip', `test('x', { skip: true }, () => {});`],
  ['only', `test.each([1])('x', { only: true }, () => {});`],
  ['skip', `test('x', (context) => context.skip());`],
])('a test held back by %s is found: %s', (name, text) => {
  expect(plant({ 'test/x.test.ts': text })).toEqual([
    `test/x.test.ts holds tests back with .${name}; every test runs`,
  ]);
});

test('skip, only and todo that are no words of a test are let be', () => {
  const text = `// test.skip\nconst a = "test.only('x')"; page.skip(1); read({ only: 1 });`;
  expect(plant({ 'test/x.test.ts': text })).toEqual([]);
});

test.each([
  `export default function run() {}`,
  `const run = 1;\nexport default run;`,
  `export { run as default } from './run.ts';`,
  `export { default } from './run.ts';`,
])('a default export is found: %s', (text) => {
  expect(plant({ 'src/x.ts': text })).toEqual([
    'src/x.ts has a default export; exports have names',
  ]);
});

test('importing a default and the default of a switch are let be', () => {
  const text = `import pg from 'pg';\nswitch (pg) {\n  default:\n}`;
  expect(plant({ 'src/postgres/x.ts': text })).toEqual([]);
});

test.each(['utils', 'helpers', 'common', 'types', 'lib', 'index'])(
  'a file %s.ts is found',
  (name) => {
    expect(plant({ [`src/cli/${name}.ts`]: '', [`src/cli/my-${name}.ts`]: '' })).toEqual([
      `src/cli/${name}.ts is named for nothing in it; name what it holds`,
    ]);
  },
);
