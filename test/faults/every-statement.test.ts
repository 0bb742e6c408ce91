import { describe, expect, test } from 'vitest';
import type { Verdict } from '../support/postgres-proxy.ts';
import { forEveryNth, KINDS, type Kind, type Outcome, runOnce } from './every-nth.ts';
import type { World } from './world.ts';

const VERDICTS: Readonly<Record<string, Verdict>> = {
  'cut off before it': 'cut before',
  'cut off after it, with its answer lost': 'cut after',
  'refused with a serialization failure': { raise: '40001' },
};
const LANES = 4;

describe.each(Object.entries(KINDS))('%s', (kindName, kind) => {
  test.each(Object.entries(VERDICTS))(
    'is whole, or is put right by the next, when its Nth statement is %s, for every N',
    async (verdictName, verdict) => {
      const met = await forEveryNth(kind, LANES, (world, nth) =>
        failStatement(world, kind, nth, verdict),
      );
      const { outlived, failed } = met;
      process.stdout.write(
        `${kindName}, a statement ${verdictName}: ${outlived + failed} N, ${outlived} outlived, ${failed} put right by the next run\n`,
      );
    },
  );
});

async function failStatement(
  world: World,
  kind: Kind,
  nth: number,
  verdict: Verdict,
): Promise<Outcome> {
  let seen = 0;
  const error = await runOnce(world, kind, {}, () =>
    world.proxy.onStatement(() => {
      seen += 1;
      return seen === nth ? verdict : 'pass';
    }),
  );
  if (seen < nth) return 'untouched';
  if (error === null) return 'outlived';
  expect(error).toMatchObject({ kind: 'database', exitCode: 5 });
  return 'failed';
}
