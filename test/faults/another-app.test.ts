import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { rowsOf } from '../support/sync.ts';
import { createGround, DAY_MS, type Ground, type MovingSource } from './moving-source.ts';

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

/** Everything that a run of another app could spoil. */
const kept = () =>
  rowsOf(
    ground.url,
    `select count(*)::int as users, count(deleted_at)::int as deleted, max(xmin::text::bigint),
       (select count(*)::int from intercom.sync_checkpoints) as checkpoints,
       (select row_to_json(workspaces)::text from intercom.workspaces) as workspace
     from intercom.users`,
  );

describe('a token of another app exits with 2, and nothing is written', () => {
  test.each(['auto', 'full', 'incremental'] as const)(
    'in mode %s, where /me tells',
    async (mode) => {
      source = await ground.open();
      await source.sync();
      const before = await kept();
      source.passTime(DAY_MS);
      source.simulator.workspace.create();
      source.simulator.faults.meAppId = 'another';
      const { report, requests } = await source.sync({ mode });
      expect(report.error).toMatchObject({ kind: 'settings', exitCode: 2 });
      expect(requests.map(({ path }) => path)).toEqual(['/me']);
      expect(await kept()).toEqual(before);
    },
  );

  test('where /me is refused and the users tell', async () => {
    source = await ground.open({ faults: { meRefused: true } });
    await source.sync();
    await rowsOf(ground.url, "update intercom.workspaces set app_id = 'another'");
    const before = await kept();
    source.simulator.workspace.create();
    const { report } = await source.sync({ mode: 'full', allowMassDelete: true });
    expect(report.error).toMatchObject({ kind: 'settings', exitCode: 2 });
    expect(await kept()).toEqual(before);
  });
});
