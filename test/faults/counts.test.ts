import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Faults } from '../../src/simulator/faults.ts';
import { EQUAL, rowsOf } from '../support/sync.ts';
import {
  createGround,
  DAY_MS,
  type Ground,
  listedIds,
  type MovingSource,
} from './moving-source.ts';

const USERS = 137;

let ground: Ground;
let source: MovingSource;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());
afterEach(() => source?.close());

/** A table that was read whole, and from which so many users are deleted then. */
async function openAfterDeletions(count: number, faults: Partial<Faults> = {}): Promise<string[]> {
  source = await ground.open({ users: USERS });
  await source.sync();
  Object.assign(source.simulator.faults, faults);
  source.passTime(DAY_MS);
  const gone = listedIds(source.simulator).slice(0, count);
  for (const id of gone) source.simulator.workspace.delete(id);
  return gone;
}

const asked = (requests: readonly { path: string }[]) =>
  requests.filter(({ path }) => /^\/users\/(?!scroll)/.test(path)).map(({ path }) => path);
const marked = async () =>
  (await rowsOf(source.databaseUrl, 'select 1 from intercom.users where deleted_at is not null'))
    .length;

describe('a count that is wrong for good', () => {
  test('by three too many, lets each run succeed and none mark a user as deleted', async () => {
    await openAfterDeletions(1, { totalCount: 'off', totalCountOff: 3 });
    for (let run = 0; run < 3; run += 1) {
      source.passTime(DAY_MS);
      source.simulator.workspace.create();
      const before = await source.watermark();
      const { json, lines, requests } = await source.sync({ mode: 'full' });
      expect(json).toMatchObject({ status: 'succeeded', inserted: 1, deleted: 0 });
      const seen = USERS + run;
      expect(lines).toContainEqual({
        level: 'warn',
        event: 'count_mismatch',
        fields: { seen, total_count: seen + 3 },
      });
      expect(asked(requests)).toEqual([]);
      expect((await source.watermark())?.getTime()).toBeGreaterThan(before?.getTime() ?? 0);
      expect(await source.difference()).toEqual({ missing: 0, stale: 0, ghosts: 1 });
    }
  });

  test('is not what users without an id make it: they are seen, and set aside', async () => {
    source = await ground.open({ users: USERS });
    for (let at = 0; at < 20; at += 1) {
      source.simulator.workspace.create({ id: '', name: `Nameless ${at}` });
    }
    const { json, lines } = await source.sync();
    expect(json).toMatchObject({ status: 'succeeded', inserted: USERS });
    expect(lines.map(({ event }) => event)).not.toContain('count_mismatch');
  });

  test('by eleven too many, ends each run as incomplete behind a scroll: rows and watermark are kept', async () => {
    await openAfterDeletions(1, { totalCount: 'off', totalCountOff: 11 });
    const before = await source.watermark();
    for (let run = 0; run < 2; run += 1) {
      source.passTime(DAY_MS);
      source.simulator.workspace.create();
      const { report, json, warned } = await source.sync({ mode: 'full' });
      expect(report.error).toMatchObject({ kind: 'incomplete', exitCode: 4 });
      expect(json).toMatchObject({ status: 'failed', inserted: 1, deleted: 0 });
      expect(warned).toContain('list_incomplete');
      expect(await source.watermark()).toEqual(before);
      // The new user is there although the run failed, and the deleted one although it is gone.
      expect(await source.difference()).toEqual({ missing: 0, stale: 0, ghosts: 1 });
    }
    source.simulator.faults.totalCount = 'right';
    source.passTime(DAY_MS);
    expect((await source.sync()).json).toMatchObject({ status: 'succeeded' });
  });

  test('by three too few, proves nothing missing, and the deleted are still asked for', async () => {
    const [gone] = await openAfterDeletions(1, { totalCount: 'off', totalCountOff: -3 });
    const { json, warned, requests } = await source.sync({ mode: 'full' });
    expect(json).toMatchObject({ status: 'succeeded', deleted: 1 });
    expect(warned).toEqual([]);
    expect(asked(requests)).toEqual([`/users/${gone}`]);
    expect(await source.difference()).toEqual(EQUAL);
  });

  test('by being missing, is told, and nobody is marked as deleted', async () => {
    await openAfterDeletions(1, { totalCount: 'missing' });
    const { json, warned } = await source.sync({ mode: 'full' });
    expect(json).toMatchObject({ status: 'succeeded', deleted: 0 });
    expect(warned).toEqual(['count_missing']);
    expect(await source.difference()).toEqual({ missing: 0, stale: 0, ghosts: 1 });
  });

  test('by falling from page to page, ends the list as drifted, and all are read by scroll', async () => {
    await openAfterDeletions(1, { totalCount: 'falling', totalCountOff: 3 });
    source.simulator.workspace.create();
    const { json, warned } = await source.sync({ mode: 'full' });
    expect(json).toMatchObject({ status: 'succeeded', limit_reached: false });
    expect(warned).toEqual(['list_drifted']);
    expect(await source.difference()).toEqual(EQUAL);
  });
});

describe('users that a complete run did not see', () => {
  test('are many and all gone: none is marked, one more than allowed is asked for, and it is told', async () => {
    await openAfterDeletions(60);
    const before = await source.watermark();
    const { json, lines, requests } = await source.sync({ mode: 'full' });
    expect(json).toMatchObject({ status: 'succeeded', deleted: 0 });
    expect(lines).toContainEqual({
      level: 'warn',
      event: 'mass_delete_refused',
      fields: { confirmed_at_least: 21, allowed: 20 },
    });
    expect(asked(requests)).toHaveLength(21);
    expect(await marked()).toBe(0);
    expect(await source.watermark()).not.toEqual(before);

    const allowed = await source.sync({ mode: 'full', allowMassDelete: true });
    expect(allowed.json).toMatchObject({ status: 'succeeded', deleted: 60 });
    expect(await source.difference()).toEqual(EQUAL);
  });

  test.each([
    ['a page of HTML', { status: 404, body: '<html>Not Found</html>' }],
    ['an empty body', { status: 404 }],
    ['JSON of another kind', { status: 404, body: '{"error":"no such route"}' }],
  ])('and 404 comes as %s: nobody is marked, and the run fails', async (_, answer) => {
    const gone = await openAfterDeletions(3);
    source.simulator.faults.rules.push({
      answer,
      match: { path: `/users/${[...gone].sort()[1]}` },
    });
    const { report } = await source.sync({ mode: 'full' });
    expect(report.error).toMatchObject({ kind: 'source', exitCode: 4 });
    expect(await marked()).toBe(0);
  });

  test('and yet are there: the changed is written, the unchanged is not touched, neither is marked', async () => {
    const [unchanged = '', changed = ''] = await openAfterDeletions(0).then(() =>
      listedIds(source.simulator).slice(60, 62),
    );
    const { workspace } = source.simulator;
    const asTheyWere = [unchanged, changed].map((id) => workspace.get(id) ?? {});
    const versionOf = (id: string) =>
      rowsOf(
        source.databaseUrl,
        'select xmin::text, xmax::text, ctid::text, last_changed_at from intercom.users where id = $1',
        [id],
      );
    const before = await versionOf(unchanged);
    // They are away while the pages are read, and back when they are asked for.
    for (const id of [unchanged, changed]) workspace.delete(id);
    const stop = source.simulator.onRequest(({ path }) => {
      if (!path.startsWith('/users/') || workspace.get(unchanged)) return;
      workspace.create(asTheyWere[0]);
      workspace.create({ ...asTheyWere[1], name: 'Changed' });
    });
    const { json, lines } = await source.sync({ mode: 'full' });
    stop();
    expect(json).toMatchObject({ status: 'succeeded', deleted: 0 });
    expect(lines.filter(({ event }) => event === 'missed_user_found')).toHaveLength(2);
    expect(await versionOf(unchanged)).toEqual(before);
    expect(await source.difference()).toEqual(EQUAL);
  });
});
