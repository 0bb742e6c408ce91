import { describe, expect, test } from 'vitest';
import { closedPort } from '../support/canned-server.ts';
import { seedLease, seedReject, seedRuns } from './seeded.ts';
import { HOUR_MS, type Served, serveWorker } from './served.ts';

const page = async ({ get }: Served, path = '/') => (await get(path)).text();
/** The words of a page, as they are read out. */
const words = async (served: Served, path = '/') =>
  (await page(served, path))
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
const labels = async (served: Served) =>
  [...(await page(served)).matchAll(/role="img" aria-label="([^"]*)"/g)].map((match) => match[1]);

describe('the page of one workspace', () => {
  test('says how far the run is that is on', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [
      { startedAgoMs: HOUR_MS },
      { mode: 'full', status: 'running', startedAgoMs: 60_000, inserted: 250, pages: 5 },
    ]);
    await seedLease(served.databaseUrl);
    served.metrics.budgetLeft('default', 112);
    const text = await words(served);
    expect(text).toContain('default Running');
    expect(text).toContain('Running now: full run');
    expect(text).toContain('250 of 1,000 users, 25 %, about 3 min left');
    expect(text).toContain('250 users on 5 pages');
    expect(text).toMatch(/Rate budget 112 calls left/);
    expect(text).toMatch(/Next run in \d+ min incremental/);
  });

  test('says what went wrong, once, and what to do', async () => {
    const served = await serveWorker();
    const failed = { status: 'failed', errorKind: 'source', errorMessage: 'no answer' } as const;
    await seedRuns(served.databaseUrl, [{ startedAgoMs: HOUR_MS }, failed, failed]);
    const text = await words(served);
    expect(text).toContain('The last run failed: no answer.');
    expect(text).toContain('What to do: It is tried again by itself.');
    expect(text.split('source: no answer')).toHaveLength(2);
  });

  test('is red where the token is refused', async () => {
    const served = await serveWorker({ watched: () => ({ isRefused: () => true }) });
    await seedRuns(served.databaseUrl, [{}]);
    expect(await page(served)).toContain('class="banner bad"');
    expect(await words(served)).toContain('Next run – none is planned');
  });

  test('says in words what the limit of 10,000 users means', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [{ mode: 'full', limitReached: true }]);
    const text = await words(served);
    expect(text).toContain('Last warning: the limit of 10,000 users');
    expect(text).toContain('Nothing is to be done.');
    expect(text).toContain('Met the limit of 10,000 users and went on by scroll.');
  });

  test('counts the users set aside, and says why', async () => {
    const served = await serveWorker();
    await seedReject(served.databaseUrl, 'sqlstate 22P05', '{}');
    expect(await words(served)).toMatch(/Set aside: 1 user .* sqlstate 22P05 : 1 user/);
  });

  test('is complete before the first run', async () => {
    const text = await words(await serveWorker());
    expect(text).toContain('default Not begun');
    expect(text).toContain('None yet: the first one reads every user.');
    expect(text).not.toMatch(/NaN|undefined|null|Invalid/);
  });

  test('tells its charts in words', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [
      { startedAgoMs: 2 * HOUR_MS, inserted: 900, totalCount: 900 },
      { startedAgoMs: HOUR_MS, updated: 5, deleted: 2, totalCount: 898 },
      { status: 'failed', errorKind: 'source', pages: 0 },
    ]);
    const [users, changes] = await labels(served);
    expect(users).toMatch(/^From 900 on .* to 898 on .*; lowest 898, highest 900\.$/);
    expect(changes).toMatch(/^3 runs from .*: 900 new, 5 changed, 2 deleted; 1 failed\. /);
  });

  test('cuts a bar off that would flatten all others, and writes its number', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [
      { inserted: 12_345 },
      ...Array.from({ length: 9 }, () => ({ updated: 10 })),
    ]);
    const drawn = await page(served);
    expect(drawn.match(/class="cut"/g)).toHaveLength(1);
    expect(drawn).toContain('>12.3k<');
    const heights = [...drawn.matchAll(/class="changed" .*?height="([\d.]+)"/g)].map((match) =>
      Number(match[1]),
    );
    expect(Math.min(...heights)).toBeGreaterThan(20);
  });

  test('draws a count that never changes, and one of nought', async () => {
    for (const totalCount of [0, 1, 5_000_000]) {
      const served = await serveWorker();
      await seedRuns(served.databaseUrl, [{ totalCount }, { totalCount }]);
      expect(await page(served)).not.toMatch(/NaN|Infinity/);
    }
  });

  test('takes nothing from the database for HTML', async () => {
    const evil = `<script>alert("1")</script>`;
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [
      { status: 'failed', errorKind: evil, errorMessage: `${evil}.` },
    ]);
    await seedReject(served.databaseUrl, evil, '{}');
    const drawn = await page(served);
    expect(drawn).not.toContain('<script');
    expect(drawn.match(/&lt;script&gt;alert\(&quot;1&quot;\)/g)?.length).toBeGreaterThan(2);
  });
});

describe('the page of many workspaces', () => {
  const workspaces = ['acme', 'beta', 'gamma_long'];

  test('says how many need attention, with the worst first', async () => {
    const served = await serveWorker({ workspaces });
    await seedRuns(served.databaseUrl, [
      { workspace: 'acme' },
      { workspace: 'beta', startedAgoMs: 4 * HOUR_MS },
      { workspace: 'gamma_long' },
    ]);
    const text = await words(served);
    expect(text).toContain('1 of 3 workspaces needs attention');
    expect(text).toContain('3,000 users in all');
    expect(text).toMatch(/beta Too old .* acme Up to date .* gamma_ long Up to date/);
  });

  test('leads to a page of each, and back', async () => {
    const served = await serveWorker({ workspaces });
    expect(await page(served)).toContain('href="/workspaces/gamma_long"');
    const one = await page(served, '/workspaces/gamma_long');
    expect(one).toContain('>gamma_long<');
    expect(one).toContain('<a href="/">← All workspaces</a>');
  });

  test('is well when all are', async () => {
    const served = await serveWorker({ workspaces });
    await seedRuns(
      served.databaseUrl,
      workspaces.map((workspace) => ({ workspace })),
    );
    expect(await words(served)).toContain('All 3 workspaces are well');
  });

  test('reads hundreds at once', async () => {
    const names = Array.from({ length: 400 }, (_, at) => `workspace_${at}`);
    const served = await serveWorker({ workspaces: names });
    await seedRuns(
      served.databaseUrl,
      names.map((workspace) => ({ workspace })),
    );
    expect(await words(served)).toContain('All 400 workspaces are well');
  });
});

describe('every page', () => {
  test('asks to be read again, sooner while a run is on, until it is told to stand still', async () => {
    const served = await serveWorker();
    expect(await page(served)).toContain('http-equiv="refresh" content="30"');
    const still = await page(served, '/?refresh=off');
    expect(still).not.toContain('http-equiv="refresh"');
    expect(still).toContain('<a href="/">refresh by itself again</a>');
  });

  test('does so every few seconds while a run is on', async () => {
    const served = await serveWorker();
    await seedRuns(served.databaseUrl, [{ status: 'running' }]);
    await seedLease(served.databaseUrl);
    expect(await page(served)).toContain('http-equiv="refresh" content="5"');
  });

  test('says that the database is away, and what is planned', async () => {
    const databaseUrl = `postgres://a:b@127.0.0.1:${(await closedPort()).port}/c`;
    const served = await serveWorker({ databaseUrl });
    expect((await served.get('/')).status).toBe(503);
    const text = await words(served);
    expect(text).toContain('The database cannot be read');
    expect(text).toMatch(/default incremental, \d+ \w+ \d\d:\d\d/);
  });
});
