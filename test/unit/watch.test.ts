import { expect, test } from 'vitest';
import { SyncError } from '../../src/errors.ts';
import { DatabaseFault } from '../../src/postgres/faults.ts';
import type { EventLog } from '../../src/sync/report.ts';
import { createOutage, onceThere } from '../../src/worker/watch.ts';

function createEvents() {
  const events: string[] = [];
  const note = (event: string) => {
    events.push(event);
  };
  const log: EventLog = { debug: note, info: note, warn: note, error: note, with: () => log };
  return { events, log };
}

const away = () => new DatabaseFault(null, 'no database answers', null);
const NEVER = new AbortController().signal;

test('a database that is away is told of once, however often it is tried, and once when it is back', async () => {
  const { events, log } = createEvents();
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries < 3) throw away();
    return 'there';
  };
  expect(await onceThere(work, createOutage(log), NEVER)).toBe('there');
  expect(tries).toBe(3);
  expect(events).toEqual(['database_away', 'database_back']);
});

test('a database that answers and refuses is not waited for', async () => {
  const { events, log } = createEvents();
  const refused = new SyncError('database', 'the schema is newer than this program');
  const work = () => Promise.reject(refused);
  await expect(onceThere(work, createOutage(log), NEVER)).rejects.toBe(refused);
  expect(events).toEqual([]);
});
