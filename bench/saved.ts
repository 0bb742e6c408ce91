import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawPicture } from './picture/draw.ts';
import type { Results } from './results.ts';

export async function saveResults(results: Results, folder: string): Promise<void> {
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(join(folder, 'results.svg'), drawPicture(results));
}

export async function loadResults(folder: string): Promise<Results> {
  return JSON.parse(await readFile(join(folder, 'results.json'), 'utf8'));
}
