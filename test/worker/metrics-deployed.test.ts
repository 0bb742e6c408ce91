import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/worker/metrics.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const RULES = read('deploy/prometheus-rules.yml');
const DASHBOARD = read('deploy/grafana-dashboard.json');
const ALERTS = [...RULES.matchAll(/^ +- alert: (\S+)$/gm)].map((match) => match[1] ?? '');

/** Names of metrics in a text, as a query writes them. */
function namesIn(text: string): string[] {
  return [...new Set(text.match(/\b(?:intercom_sync|process|nodejs)_\w+/g))].sort();
}

/** Names that a query can use: those of the samples, and of what has no sample yet. */
async function namesTold(): Promise<ReadonlySet<string>> {
  const text = await createMetrics(['acme']).expose([], true);
  const typed = [...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1] ?? '');
  const sampled = [...text.matchAll(/^(\w+)[ {]/gm)].map((match) => match[1] ?? '');
  return new Set([...typed, ...sampled]);
}

test.each([
  ['alerts', RULES, 8],
  ['dashboard', DASHBOARD, 20],
])('every metric that the %s ask for is told', async (_, text, namesMin) => {
  const names = namesIn(text);
  expect(names.length).toBeGreaterThan(namesMin);
  const told = await namesTold();
  expect(names.filter((name) => !told.has(name))).toEqual([]);
});

test('a metric that is not told would be missed', async () => {
  const told = await namesTold();
  const names = namesIn('rate(intercom_sync_pages_total[5m]) / intercom_sync_made_up_total');
  expect(names.filter((name) => !told.has(name))).toEqual(['intercom_sync_made_up_total']);
});

test('every counter and every age of this program is on the dashboard', async () => {
  const drawn = namesIn(DASHBOARD).join(' ');
  const text = await createMetrics(['acme']).expose([], true);
  const own = [...text.matchAll(/^# TYPE (intercom_sync_\w+) /gm)].map((match) => match[1] ?? '');
  expect(own.filter((name) => !drawn.includes(name))).toEqual([]);
});

test('every label that a query asks for is told', async () => {
  const known = new Set(['workspace', 'status', 'mode', 'reason', 'le', 'instance', 'job']);
  const matchers = [...`${RULES}\n${DASHBOARD}`.matchAll(/\{([^{}]*?=~?\\?"[^{}]*)\}/g)];
  const labels = matchers.flatMap((match) => [...(match[1] ?? '').matchAll(/(\w+) *(?:=|!)/g)]);
  expect(labels.length).toBeGreaterThan(20);
  expect(labels.map((label) => label[1]).filter((label) => !known.has(label ?? ''))).toEqual([]);
});

test('every alert has a section that says what to do, and every section an alert', () => {
  const operations = read('docs/OPERATIONS.md');
  const sections = [...operations.matchAll(/^### (IntercomSync\w+)$/gm)].map((match) => match[1]);
  expect(ALERTS.length).toBeGreaterThan(8);
  expect([...sections].sort()).toEqual([...ALERTS].sort());
  for (const alert of ALERTS) {
    expect(RULES).toContain(`runbook: docs/OPERATIONS.md#${alert.toLowerCase()}\n`);
  }
});

test('the dashboard is one, with a query behind each panel', () => {
  const { title, panels } = JSON.parse(DASHBOARD) as {
    title: string;
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  expect(title).toBe('intercom-sync');
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const panel of panels) {
    expect(panel.targets.length, panel.title).toBeGreaterThan(0);
    for (const { expr } of panel.targets) expect(namesIn(expr), panel.title).not.toEqual([]);
  }
});
