import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import {
  countRegistered,
  register,
  takeNumber,
  withLock,
} from '../../src/postgres/embedded-lock.ts';
import { commandLine, isMarkAlive, ownMark, run } from '../../src/postgres/embedded-process.ts';
import { newDirectory, until } from '../support/embedded-programs.ts';

test('a process is told from another that was given its pid', async () => {
  const mark = await ownMark();
  expect(await isMarkAlive(mark)).toBe(true);
  expect(await isMarkAlive(`${process.pid} yesterday`)).toBe(false);
  expect(await isMarkAlive(mark.replace(/^\d+/, `${process.ppid}`))).toBe(false);
  expect(await isMarkAlive('2147483647 never')).toBe(false);
  expect(await isMarkAlive('')).toBe(false);
});

test('a killed process that its parent has not yet buried is dead', async () => {
  // This shell becomes a `sleep`, which never asks after the child it was given.
  const parent = spawn('/bin/sh', ['-c', 'sleep 600 & echo $!; exec sleep 601']);
  onTestFinished(async () => {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });
  const [output] = await once(parent.stdout.setEncoding('utf8'), 'data');
  const pid = Number(output);
  const status = () => readFile(`/proc/${pid}/stat`, 'utf8');
  await until(async () => (await commandLine(parent.pid ?? 0)) === 'sleep 601');
  process.kill(pid, 'SIGKILL');
  await until(async () => (await status()).includes(') Z '));
  const boot = (await ownMark()).split(' ')[1]?.split('/')[0];
  const start = (await status()).trimEnd().split(' ')[21];
  expect(await isMarkAlive(`${pid} ${boot}/${start}`)).toBe(false);
});

test('a program that cannot be started leaves no timer that keeps this one from its end', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const result = await run('/nowhere/to/be/found', [], { timeoutMs: 600_000 });
  expect(result.ok).toBe(false);
  expect(timers()).toBe(before);
});

test('a program that does not end is ended at its bound', async () => {
  expect((await run('sleep', ['600'], { timeoutMs: 100 })).ok).toBe(false);
});

test('one holder at a time, whoever died before, and each gets its turn', async () => {
  const locks = join(await newDirectory(), 'locks');
  await mkdir(locks);
  await symlink('2147483647 dead', join(locks, '7'));
  let holders = 0;
  const seen: number[] = [];
  const turns = Array.from({ length: 12 }, (_, turn) =>
    withLock(locks, undefined, async () => {
      holders += 1;
      seen.push(turn);
      // Long enough for another to come in, were it let in.
      await sleep(5);
      expect(holders).toBe(1);
      holders -= 1;
    }),
  );
  await Promise.all(turns);
  expect(seen.toSorted((a, b) => a - b)).toEqual(turns.map((_, turn) => turn));
  expect(await readdir(locks)).toHaveLength(1);
});

test('who looked long ago takes neither the number of another nor one that was used up', async () => {
  const locks = await newDirectory();
  await symlink('free', join(locks, '9'));
  expect(await takeNumber(locks, 7, await ownMark())).toBe(null);
  expect(await takeNumber(locks, 9, await ownMark())).toBe(null);
  expect(await readdir(locks)).toEqual(['9']);
  expect(await takeNumber(locks, 10, await ownMark())).toBe(10);
  expect(await readdir(locks)).toEqual(['10']);
});

test('work that fails gives the lock back', async () => {
  const locks = await newDirectory();
  const failing = withLock(locks, undefined, () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await withLock(locks, undefined, async () => 'next')).toBe('next');
});

test('whoever waits for the lock can be called off', async () => {
  const locks = await newDirectory();
  const stop = new AbortController();
  await withLock(locks, undefined, async () => {
    const waiting = withLock(locks, stop.signal, async () => 'never');
    stop.abort(new Error('called off'));
    await expect(waiting).rejects.toThrow('called off');
  });
});

test('a registration counts while its process lives, and is swept away after', async () => {
  const programs = join(await newDirectory(), 'programs');
  await register(programs);
  await symlink(`${process.pid} yesterday`, join(programs, 'reused-pid'));
  await symlink('2147483647 never', join(programs, 'dead'));
  expect(await countRegistered(programs)).toBe(1);
  expect(await readdir(programs)).toHaveLength(1);
});
