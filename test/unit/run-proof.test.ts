import { describe, expect, test } from 'vitest';
import { limit, NOW, pageOf, people, tellRun } from '../support/memory-parts.ts';

const KNOWN = { watermark: new Date(NOW.getTime() - 86_400_000), lastFullRunAt: NOW };
const namesOf = (asked: readonly { name: string }[]) => asked.map(({ name }) => name);
const front = (counted: number) => [pageOf([{ id: 'u0' }], counted)];

describe('an incremental run', () => {
  test('that scrolled once scrolls no second time', async () => {
    const passes = {
      created: [[limit()]],
      scroll: [[pageOf(people(30))]],
      updated: [[...front(30), limit()]],
    };
    const { source, report } = await tellRun({ passes }, { state: KNOWN });
    expect(namesOf(source.asked)).toEqual(['created', 'scroll', 'updated']);
    expect(report.error).toBeNull();
  });

  test('that scrolled is held against the count, and sweeps nobody', async () => {
    const scrolled = (counted: number) => ({
      passes: {
        created: [[limit()]],
        scroll: [[pageOf(people(30))]],
        updated: [front(counted)],
      },
    });
    const short = await tellRun(scrolled(41), { state: KNOWN });
    expect(short.report.error).toMatchObject({ kind: 'incomplete' });
    expect(short.store.finished[0]?.watermark).toBeNull();
    const whole = await tellRun(scrolled(30), { state: KNOWN, live: ['gone'] });
    expect(whole.report).toMatchObject({ error: null, deleted: 0 });
    expect(whole.story.some((step) => step.startsWith('ask'))).toBe(false);
  });

  test('that did not is not, since it reads but a few', async () => {
    const passes = { created: [[pageOf(people(2), 2)]], updated: [front(5_000)] };
    const { report, warned, source } = await tellRun({ passes }, { state: KNOWN });
    expect(report.error).toBeNull();
    expect(warned).toEqual([]);
    expect(namesOf(source.asked)).toEqual(['created', 'updated']);
  });
});

describe('a full run', () => {
  test('whose list drifted is told so and goes on by scroll, and has met no limit', async () => {
    const passes = {
      list: [[pageOf(people(3), 30), { kind: 'drift', page: 2 } as const]],
      scroll: [[pageOf(people(30))]],
      updated: [front(30)],
    };
    const { report, source, warned, story } = await tellRun({ passes });
    expect(namesOf(source.asked)).toEqual(['list', 'scroll', 'updated']);
    expect(warned).toEqual(['list_drifted']);
    expect(report).toMatchObject({ error: null, limitReached: false });
    expect(story).not.toContain('mark limit');
  });

  test('whose scroll is short scrolls no second time', async () => {
    const passes = {
      list: [[limit('counted')]],
      scroll: [[pageOf(people(30))], [pageOf(people(41))]],
      updated: [front(41), front(41)],
    };
    const { report, source } = await tellRun({ passes });
    expect(report.error).toMatchObject({ kind: 'incomplete' });
    expect(namesOf(source.asked)).toEqual(['list', 'scroll', 'updated']);
  });

  test('that scrolled behind its list is held against the count after that', async () => {
    const passes = {
      list: [[pageOf(people(30), 41)]],
      scroll: [[pageOf(people(41))]],
      updated: [front(41), front(60)],
    };
    const { report } = await tellRun({ passes });
    expect(report.error).toMatchObject({
      kind: 'incomplete',
      message: expect.stringContaining('counts 60 users, but only 41'),
    });
  });

  test('that saw more than are counted adds up: somebody went meanwhile', async () => {
    const passes = { list: [[pageOf(people(31), 31)]], updated: [front(30)] };
    const { report, warned } = await tellRun({ passes }, { live: ['gone'] });
    expect(report).toMatchObject({ error: null, deleted: 1 });
    expect(warned).toEqual([]);
  });
});
