import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

test('the migrations make the schema that the code says, and nothing is left to generate', async () => {
  const out = await mkdtemp(join(tmpdir(), 'intercom-sync-drift-'));
  try {
    await cp('migrations', out, { recursive: true });
    const before = (await readdir(out)).sort();
    const schema = 'src/postgres/schema.ts';
    await run('drizzle-kit', [
      'generate',
      '--dialect',
      'postgresql',
      '--schema',
      schema,
      '--out',
      out,
    ]);
    expect((await readdir(out)).sort()).toEqual(before);
  } finally {
    await rm(out, { recursive: true });
  }
});
