import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EQUAL } from '../support/sync.ts';
import {
  createGround,
  DAY_MS,
  type Ground,
  listedIds,
  type MovingSource,
} from './moving-source.ts';

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

test('of 4,000 users, 3 changed and 5 new ones are found with no more than 8 requests', async () => {
  source = await ground.open({ users: 4_000 });
  await source.sync();
  source.passTime(DAY_MS);
  const { workspace } = source.simulator;
  const ids = listedIds(source.simulator);
  for (const place of [100, 2_000, 3_999]) workspace.update(ids[place] ?? '', { name: 'Changed' });
  for (let count = 0; count < 5; count += 1) workspace.create();
  const { json, requests } = await source.sync();
  process.stdout.write(`3 changed and 5 new of 4,000 users: ${requests.length} requests\n`);
  expect(json).toMatchObject({ mode: 'incremental', inserted: 5, updated: 3 });
  expect(requests.length).toBeLessThanOrEqual(8);
  expect(await source.difference()).toEqual(EQUAL);
});
