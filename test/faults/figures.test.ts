import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EQUAL, rowsOf } from '../support/sync.ts';
import {
  createGround,
  DAY_MS,
  type Ground,
  listedIds,
  type MovingSource,
} from './moving-source.ts';

const run = promisify(execFile);

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

test('a run that goes on with another of a million users keeps them in less than 40 MB', async () => {
  source = await ground.open({ users: 1 });
  await source.sync();
  const [first, second] = await rowsOf<{ id: string }>(
    ground.url,
    `insert into intercom.sync_runs (workspace, mode, status, resumed_from, started_at, watermark)
     select 'default', 'full', 'failed', null, now(), now() from generate_series(1, 2)
     returning id`,
  );
  await rowsOf(ground.url, 'update intercom.sync_runs set resumed_from = $1 where id = $2', [
    first?.id,
    second?.id,
  ]);
  // Pages of a scroll; the second run has seen a tenth of the first one's users again.
  await rowsOf(
    ground.url,
    `insert into intercom.sync_checkpoints (run_id, sequence, pass, users, inserted, updated,
       unchanged, duplicates, rejected, seen_ids, committed_at)
     select run_id, page, 'scroll', 100, 0, 0, 100, 0, 0,
       array(select left(md5((page * 100 + place)::text), 24) from generate_series(1, 100) as place),
       now()
     from (values ($1::bigint, 1, 5500), ($2::bigint, 5001, 10000)) as run (run_id, first, last),
       generate_series(first, last) as page`,
    [first?.id, second?.id],
  );
  const program = fileURLToPath(new URL('./seen-program.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [
    '--expose-gc',
    program,
    ground.url,
    second?.id ?? '',
  ]);
  const { grownMb, ...read } = JSON.parse(stdout);
  process.stdout.write(`a million seen ids: ${Math.round(grownMb)} MB\n`);
  expect(read).toMatchObject({ read: 1_050_000, counted: 1_000_000 });
  expect(read.unseen).toEqual(listedIds(source.simulator));
  expect(read.known).toBeGreaterThanOrEqual(50_000);
  expect(read.known).toBeLessThan(50_010);
  expect(grownMb).toBeLessThan(40);
});
