import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const OURS = new URL('../../src/postgres/drizzle-modules.ts', import.meta.url).href;

/** How many of Drizzle's imports of its own files come to Node, and what is imported in the end. */
async function loadDrizzle(first: string): Promise<{ asked: number; kinds: string[] }> {
  // A hook that is registered earlier is asked later: it stands for Node.
  const script = `
    import { registerHooks } from 'node:module';
    let asked = 0;
    registerHooks({ resolve(specifier, context, next) {
      const isOwn = context.parentURL?.includes('/node_modules/drizzle-orm/');
      if (isOwn && specifier.startsWith('.')) asked += 1;
      return next(specifier, context);
    } });
    await import('${first}');
    const { drizzle } = await import('drizzle-orm/node-postgres');
    const { migrate } = await import('drizzle-orm/node-postgres/migrator');
    const { pgSchema } = await import('drizzle-orm/pg-core');
    console.log(JSON.stringify({ asked, kinds: [drizzle, migrate, pgSchema].map((it) => typeof it) }));`;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return JSON.parse(stdout);
}

test("Drizzle's files are found without a look into its package.json for each of them", async () => {
  const { asked, kinds } = await loadDrizzle(OURS);
  expect(kinds).toEqual(['function', 'function', 'function']);
  expect(asked).toBe(0);
});

test('without that, they are asked for by the hundred', async () => {
  const { asked } = await loadDrizzle('node:path');
  expect(asked).toBeGreaterThan(100);
});
