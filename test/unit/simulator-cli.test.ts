import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommanderError } from 'commander';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  runSimulator,
  type SimulatorCliOptions,
  simulatorCommand,
} from '../../src/cli/simulator.ts';
import { defaultFaults } from '../../src/simulator/faults.ts';
import { credentials } from './simulator-visit.ts';

/** What the command makes of these arguments. */
async function parse(...args: string[]): Promise<SimulatorCliOptions> {
  let parsed: SimulatorCliOptions | undefined;
  const command = simulatorCommand(async (options) => {
    parsed = options;
  });
  await command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parseAsync(args, { from: 'user' });
  if (parsed === undefined) throw new Error('The command did not run.');
  return parsed;
}

/** The simulator of these arguments while it runs, and how to stop it. */
async function run(...args: string[]) {
  const stopping = new AbortController();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdout, stderr, stopped: stopping.signal };
  const exit = runSimulator(await parse(...args), io);
  onTestFinished(() => stopping.abort());
  const [line] = await Promise.all([
    new Promise<string>((resolve) => stdout.once('data', (chunk) => resolve(String(chunk)))),
    new Promise((resolve) => stderr.once('data', resolve)),
  ]);
  const stop = async () => {
    stopping.abort();
    const code = await exit;
    stdout.end();
    return { code, rest: await text(stdout) };
  };
  return { line, stop };
}

describe('the simulator command', () => {
  test('prints its URL as the first line of stdout and serves until it is stopped', async () => {
    const { line, stop } = await run('--users', '7', '--token', 'secret');
    expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
    const headers = { ...credentials, authorization: 'Bearer secret' };
    const response = await fetch(`${line.trim()}/users`, { headers });
    expect(await response.json()).toMatchObject({ total_count: 7 });
    expect(await stop()).toEqual({ code: 0, rest: '' });
    await expect(fetch(line.trim())).rejects.toThrow('fetch failed');
  });

  test('serves the people of its seed and the faults of its flags', async () => {
    const { line, stop } = await run('--seed', '5', '--status-500-null', '2');
    const read = async () => {
      const response = await fetch(`${line.trim()}/users`, { headers: credentials });
      return response.status;
    };
    expect([await read(), await read(), await read()]).toEqual([200, 500, 200]);
    await stop();
  });

  test('says that its port is taken', async () => {
    const { line, stop } = await run();
    const stderr = new PassThrough();
    const io = { stdout: new PassThrough(), stderr, stopped: new AbortController().signal };
    const { port } = new URL(line);
    expect(await runSimulator(await parse('--port', port), io)).toBe(2);
    expect(String(stderr.read())).toContain(`127.0.0.1:${port}`);
    await stop();
  });

  test('has defaults for everything', async () => {
    expect(await parse()).toEqual({
      host: '127.0.0.1',
      port: 0,
      users: 1_000,
      seed: 1,
      token: 'simulator-token',
      appId: 'sim00001',
      rateLimit: 1_666,
      oddities: [],
      faults: { rules: [] },
    });
  });

  test('has a flag for every fault', () => {
    const flags = simulatorCommand(async () => {}).options.map((option) => option.long);
    for (const field of Object.keys(defaultFaults())) {
      const kebab = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(flags).toContain(field === 'rules' ? '--rule' : `--${kebab}`);
    }
  });

  test('reads each kind of flag', async () => {
    const { faults } = await parse(
      ...['--limit', 'emptied', '--total-count-off', '-5', '--date-absent'],
      ...['--latency-ms', '20', '--next-origin', 'http://127.0.0.1:9/', '--me-app-id', 'other'],
    );
    expect(faults).toEqual({
      limit: 'emptied',
      totalCountOff: -5,
      dateAbsent: true,
      latencyMs: 20,
      nextOrigin: 'http://127.0.0.1:9',
      meAppId: 'other',
      rules: [],
    });
  });

  test('reads rules', async () => {
    const { faults } = await parse(
      ...['--rule', 'status-500-null:path=/users,nth=3', 'reset:from=2,times=1', 'cut'],
      ...['--drip', '4'],
    );
    expect(faults.rules).toEqual([
      { answer: 'status500null', match: { path: '/users', nth: 3 } },
      { answer: 'reset', match: { from: 2 }, times: 1 },
      { answer: 'cut', match: {} },
      { answer: 'drip', match: { every: 4 } },
    ]);
  });

  test('reads oddities: all of them, or some by name', async () => {
    expect((await parse('--oddities', 'nul,long-id')).oddities).toEqual(['nul', 'long-id']);
    expect((await parse('--oddities')).oddities).toHaveLength(13);
  });

  test('reads an anchor', async () => {
    const { anchorAt } = await parse('--anchor-at', '2026-01-31T00:00:00Z');
    expect(anchorAt).toEqual(new Date('2026-01-31T00:00:00Z'));
  });

  test.each([
    ['--users', 'many'],
    ['--users', '-1'],
    ['--users', '1.5'],
    ['--port', '65536'],
    ['--seed', ''],
    ['--rate-limit', '0'],
    ['--limit', 'sometimes'],
    ['--latency-ms', '1s'],
    ['--total-count-off', '+'],
    ['--status-503', '0'],
    ['--next-origin', 'elsewhere'],
    ['--next-origin', 'file:///etc'],
    ['--anchor-at', 'yesterday'],
    ['--oddities', 'odd'],
    ['--rule', 'nothing:nth=1'],
    ['--rule', 'reset:when=now'],
    ['--rule', 'reset:nth=zero'],
    ['--no-such-flag', '1'],
  ])('refuses %s %s as a usage error', async (...args) => {
    await expect(parse(...args)).rejects.toThrow(CommanderError);
  });
});
