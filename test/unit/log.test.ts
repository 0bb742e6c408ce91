import { expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';

function logged(isTerminal: boolean): string[] {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ level: 'info', isTerminal, destination }).with({ workspace: 'acme' });
  log.warn('users_limit_reached', { limit: 10_000 });
  log.debug('page_written');
  return lines;
}

test('without a terminal an event is one line of JSON, written at once', () => {
  const [line, ...more] = logged(false);
  expect(more).toEqual([]);
  const fields = { level: 40, event: 'users_limit_reached', workspace: 'acme', limit: 10_000 };
  expect(JSON.parse(line ?? '')).toMatchObject(fields);
});

test('on a terminal it is one readable line, written at once', () => {
  const [line, ...more] = logged(true);
  expect(more).toEqual([]);
  expect(line).toMatch(/WARN.*users_limit_reached.*"limit":10000.*\n$/s);
});
