import fc from 'fast-check';
import { afterAll, beforeAll, test } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { Mode } from './gated-run.ts';
import { World } from './model-world.ts';
import { createGround, type Ground, MINUTE_MS } from './moving-source.ts';
import { rounds, SEARCH_MAX_MS } from './rounds.ts';

let ground: Ground;
beforeAll(async () => {
  ground = await createGround();
});
afterAll(() => ground.drop());

/** What decides whether a command can be given; all else is in the world. */
interface Model {
  isRunning: boolean;
}

/** One thing that happens, told as it would be called. */
function command(
  name: string,
  when: 'running' | 'idle' | 'always',
  act: (world: World) => Promise<void> | void,
): fc.AsyncCommand<Model, World> {
  return {
    check: ({ isRunning }) => when === 'always' || isRunning === (when === 'running'),
    async run(model, world) {
      await act(world);
      await world.check();
      model.isRunning = world.isRunning;
    },
    toString: () => name,
  };
}

const choice = fc.integer({ min: 0, max: 999 }).map((thousandth) => thousandth / 1000);
const mode = fc.constantFrom<Mode[]>('auto', 'full', 'incremental');
const untrueTime = fc.constantFrom(null, 4_000_000_000, 1_772_000_000_000);
const answer = fc.constantFrom<FaultRule['answer'][]>(
  'status429retryAfter',
  'status500null',
  'status504html',
  'empty200',
  'reset',
);
const minutes = fc.constantFrom(1, 11, 20, 20, 45, 45, 61, 1_500, 11_000);
const ending = fc.constantFrom<('stop' | 'crash' | 'loseLease')[]>('stop', 'crash', 'loseLease');
const requests = fc.integer({ min: 1, max: 6 });

const change = fc
  .tuple(choice, fc.constantFrom(1, 2, 12, 25), fc.boolean())
  .map(([at, count, isTouched]) =>
    command(`change(${at}, ${count}, ${isTouched})`, 'always', (world) =>
      world.change(at, count, isTouched),
    ),
  );
const sourceCommands = [
  fc.constant(command('create', 'always', (world) => world.create())),
  change,
  change,
  change,
  fc
    .tuple(choice, untrueTime)
    .map(([at, time]) =>
      command(`spoil(${at}, ${time})`, 'always', (world) => world.spoil(at, time)),
    ),
  choice.map((at) => command(`delete(${at})`, 'always', (world) => world.delete(at))),
  choice.map((at) => command(`bringBack(${at})`, 'always', (world) => world.bringBack(at))),
  minutes.map((count) =>
    command(`pass(${count})`, 'always', (world) => world.passTime(count * MINUTE_MS)),
  ),
  fc
    .constantFrom(20, 35, 10_000)
    .map((rows) => command(`limit(${rows})`, 'always', (world) => world.limitList(rows))),
  fc
    .tuple(answer, requests)
    .map(([how, after]) =>
      command(`trouble(${how}, ${after})`, 'always', (world) => world.trouble(how, after)),
    ),
];
const again = fc
  .tuple(ending, fc.constantFrom(0, 20, 45))
  .map(([how, minutes]) =>
    command(`${how}AndBegin(${minutes})`, 'running', (world) =>
      world.endAndBegin(how, minutes * MINUTE_MS),
    ),
  );
const runCommands = [
  mode.map((how) => command(`begin(${how})`, 'idle', (world) => world.begin(how))),
  requests.map((count) => command(`step(${count})`, 'always', (world) => world.step(count))),
  requests.map((count) => command(`step(${count})`, 'always', (world) => world.step(count))),
  fc.constant(command('finish', 'running', (world) => world.end('finish'))),
  ending.map((how) => command(how, 'running', (world) => world.end(how))),
  again,
  again,
  fc.constant(command('cut', 'running', (world) => world.cutConnections())),
];
/** Runs are begun often enough that much happens while one goes on. */
const commands = fc.commands([...sourceCommands, ...runCommands, ...runCommands], {
  maxCommands: 60,
  size: 'max',
});

test(
  'whatever happens to the source and to its runs, no row is lost or older, and all are equal at the end',
  async () => {
    const ends = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(commands, fc.integer({ min: 1, max: 1_000 }), async (some, seed) => {
        const world = await World.open(ground, seed, ends);
        try {
          await fc.asyncModelRun(() => ({ model: { isRunning: false }, real: world }), some);
          await world.rest();
        } finally {
          await world.close();
        }
      }),
      rounds(10),
    );
    process.stdout.write(`runs of the model: ${JSON.stringify(Object.fromEntries(ends))}\n`);
  },
  SEARCH_MAX_MS,
);
