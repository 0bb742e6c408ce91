import { describe, expect, test } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { forEveryNth, KINDS, type Kind, type Outcome, runOnce } from './every-nth.ts';
import type { World } from './world.ts';

/** Ways for one request to fail, and how many of them to wait for at once. */
const ANSWERS = [
  ['status500', 3],
  ['reset', 3],
  ['cut', 3],
  ['freeze', 4],
  // A window of the rate limit lasts ten seconds where no header says more.
  ['status429bare', 12],
] as const;

/** An answer that takes longer is given up on. */
const SETTINGS = { INTERCOM_REQUEST_TIMEOUT_MS: '2000' };

describe.each(Object.entries(KINDS))('%s', (kindName, kind) => {
  test.concurrent.each(ANSWERS)(
    'outlives its Nth request being answered with %s, for every N',
    async (answer, lanes) => {
      const { outlived } = await forEveryNth(kind, lanes, (world, nth) =>
        failRequest(world, kind, nth, answer),
      );
      process.stdout.write(`${kindName}, a request with ${answer}: ${outlived} N, all outlived\n`);
    },
  );
});

async function failRequest(
  world: World,
  kind: Kind,
  nth: number,
  answer: FaultRule['answer'],
): Promise<Outcome> {
  const before = world.simulator.requests.length;
  const error = await runOnce(world, kind, SETTINGS, () => {
    world.simulator.faults.rules.push({ answer, match: { nth } });
    return () => void world.simulator.faults.rules.pop();
  });
  expect(error).toBeNull();
  return world.simulator.requests.length - before < nth ? 'untouched' : 'outlived';
}
