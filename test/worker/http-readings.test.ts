import { expect, onTestFinished, test } from 'vitest';
import { SyncError } from '../../src/errors.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { createReadings } from '../../src/worker/http-readings.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { silentPostgres } from './silent.ts';

async function silentDatabase() {
  const database = openDatabase((await silentPostgres()).url);
  onTestFinished(() => database.close());
  return countAsked(database);
}

async function realDatabase() {
  const { url, drop } = await createTestDatabase();
  const database = openDatabase(url);
  onTestFinished(async () => {
    await database.close();
    await drop();
  });
  return countAsked(database);
}

/** The same database, and how much is asked of it. */
function countAsked(real: Database) {
  const asked = { inAll: 0, now: 0, mostAtOnce: 0 };
  const database: Database = {
    ...real,
    async transaction(work, options) {
      asked.inAll += 1;
      asked.now += 1;
      asked.mostAtOnce = Math.max(asked.mostAtOnce, asked.now);
      try {
        return await real.transaction(work, options);
      } finally {
        asked.now -= 1;
      }
    },
  };
  return { database, asked };
}

const IN_TIME = { answerMaxMs: 60_000, keepMs: 60_000 };

test('a database that is silent keeps nobody waiting, and is asked no second time', async () => {
  const { database, asked } = await silentDatabase();
  const readings = createReadings(database, ['a', 'b'], { answerMaxMs: 50, keepMs: 0 });
  const answers = [readings.glance(), readings.history('a'), readings.history('b')];
  for (const answer of answers) {
    await expect(answer).rejects.toMatchObject({
      kind: 'database',
      message: 'the database did not answer in time',
    });
  }
  expect(asked.inAll).toBe(1);
});

test('a question whose turn comes when nobody waits any more is not asked', async () => {
  const first = Promise.withResolvers<never>();
  let asked = 0;
  const database: Database = {
    close: async () => {},
    pipelined: () => first.promise,
    transaction: () => {
      asked += 1;
      return first.promise;
    },
  };
  const readings = createReadings(database, ['a', 'b'], { answerMaxMs: 50, keepMs: 0 });
  const answers = [readings.history('a'), readings.history('b')];
  for (const answer of answers) await expect(answer).rejects.toThrow('did not answer in time');
  first.reject(new SyncError('database', 'no database answers'));
  await new Promise(setImmediate);
  expect(asked).toBe(1);
});

test('many who ask the same at once are answered with one reading', async () => {
  const { database, asked } = await realDatabase();
  const readings = createReadings(database, ['a'], IN_TIME);
  await readings.glance();
  const { inAll } = asked;
  const answers = await Promise.all(Array.from({ length: 50 }, () => readings.glance()));
  expect(asked.inAll).toBe(inAll);
  expect(new Set(answers).size).toBe(1);
});

test('an answer that was kept for long enough is read anew', async () => {
  const { database, asked } = await realDatabase();
  const readings = createReadings(database, ['a'], { ...IN_TIME, keepMs: -1 });
  await readings.glance();
  const { inAll } = asked;
  await readings.glance();
  expect(asked.inAll).toBe(2 * inAll);
});

test('the database is asked one question at a time', async () => {
  const { database, asked } = await realDatabase();
  const names = ['a', 'b', 'c', 'd'];
  const readings = createReadings(database, names, IN_TIME);
  await Promise.all([readings.glance(), ...names.map((name) => readings.history(name))]);
  expect(asked.mostAtOnce).toBe(1);
});

test('a question that fails does not keep the next from being asked', async () => {
  const { database } = await realDatabase();
  let isAway = true;
  const away = new SyncError('database', 'no database answers');
  const readings = createReadings(
    {
      ...database,
      transaction: (work, options) =>
        isAway ? Promise.reject(away) : database.transaction(work, options),
    },
    ['a'],
    { ...IN_TIME, keepMs: -1 },
  );
  await expect(readings.glance()).rejects.toBe(away);
  isAway = false;
  await expect(readings.glance()).resolves.toMatchObject({ migrations: 'current' });
});
