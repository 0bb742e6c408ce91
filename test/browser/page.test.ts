import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from '../support/canned-server.ts';
import { seedLease, seedReject, seedRuns } from '../worker/seeded.ts';
import { HOUR_MS, type ServeOptions, serveWorker } from '../worker/served.ts';
import { type Browser, DESK_WIDTH, type Look, PHONE_WIDTH, startBrowser } from './browser.ts';
import { contrastOf, findFaintText } from './contrast.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser?.close());

const FAILED = {
  status: 'failed',
  errorKind: 'source',
  errorMessage: 'Intercom answers with an error again and again (503 service_unavailable)',
} as const;
const LAST_WEEK = Array.from({ length: 30 }, (_, at) => ({
  startedAgoMs: (31 - at) * HOUR_MS,
  inserted: at === 0 ? 12_000 : at,
  updated: 2 * at,
  deleted: at % 7,
  totalCount: 12_000 + at * at,
  limitReached: at === 0,
}));

/** What a person on call comes upon, each with the tables that make it so. */
interface Story {
  readonly serve?: ServeOptions;
  readonly says: string;
  fill(url: string): Promise<unknown>;
}

const STORIES: Readonly<Record<string, Story>> = {
  'before the first run': { says: 'Not begun', fill: async () => {} },
  'with a run in progress': {
    says: 'Running now: full run',
    async fill(url) {
      await seedRuns(url, [
        ...LAST_WEEK,
        {
          mode: 'full',
          status: 'running',
          startedAgoMs: 60_000,
          unchanged: 4_000,
          pages: 80,
          totalCount: 12_900,
        },
      ]);
      await seedLease(url);
      await seedReject(url, 'id: must be a non-empty string', '{}');
    },
  },
  'with an error': {
    says: 'Last run failed',
    fill: (url) => seedRuns(url, [...LAST_WEEK, { ...FAILED, startedAgoMs: HOUR_MS }, FAILED]),
  },
  'with runs that fail for too long': {
    says: 'Failing',
    fill: (url) => seedRuns(url, [{ startedAgoMs: 5 * HOUR_MS }, FAILED]),
  },
  'with a token that is refused': {
    says: 'Token refused',
    serve: { watched: () => ({ isRefused: () => true }) },
    fill: (url) => seedRuns(url, LAST_WEEK),
  },
  'with many workspaces': {
    says: '1 of 40 workspaces needs attention',
    serve: {
      workspaces: Array.from({ length: 40 }, (_, at) => `a_workspace_with_a_long_name_${at}`),
    },
    fill: (url) =>
      seedRuns(
        url,
        Array.from({ length: 40 }, (_, at) => ({
          workspace: `a_workspace_with_a_long_name_${at}`,
          startedAgoMs: at === 7 ? 9 * HOUR_MS : 60_000,
        })),
      ),
  },
};

async function open(name: string, look: Look = {}) {
  const story = STORIES[name];
  if (!story) throw new Error('there is no such story');
  const served = await serveWorker(story.serve);
  await story.fill(served.databaseUrl);
  return { ...(await browser.open(served.http.url, look)), served, says: story.says };
}

describe.each(Object.keys(STORIES))('the page %s', (name) => {
  test('says so, without a complaint and without a request to anywhere else', async () => {
    const { page, complaints, requests, says, served } = await open(name);
    await expect(page.locator('main').innerText()).resolves.toContain(says);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([`${served.http.url}/`]);
  });

  test('says the same without scripts', async () => {
    const { page, says } = await open(name, { hasScript: false });
    await expect(page.locator('main').innerText()).resolves.toContain(says);
    await expect(page.locator('script').count()).resolves.toBe(0);
  });

  test('is no wider than a phone, and than a desk', async () => {
    for (const width of [PHONE_WIDTH, DESK_WIDTH]) {
      const { page } = await open(name, { width });
      const { scrollWidth } = await page.evaluate(() => ({
        scrollWidth: document.documentElement.scrollWidth,
      }));
      expect(scrollWidth).toBe(width);
    }
  });

  test.each(['light', 'dark'] as const)('can be read in the %s', async (theme) => {
    const { page } = await open(name, { theme });
    expect(await findFaintText(page, 4.5)).toEqual([]);
  });

  test('can be found one’s way about by what is read out', async () => {
    const { page } = await open(name);
    await expect(page.locator('h1').count()).resolves.toBe(1);
    for (const landmark of ['header', 'main', 'footer']) {
      await expect(page.locator(landmark).count()).resolves.toBe(1);
    }
    await expect(page.locator('thead th:not([scope="col"])').count()).resolves.toBe(0);
    await expect(
      page.locator('tbody tr:not(.note) > :first-child:not(th[scope="row"])').count(),
    ).resolves.toBe(0);
    await expect(page.locator('svg:not([role="img"][aria-label])').count()).resolves.toBe(0);
    await expect(
      page.locator('section:not([aria-label], [aria-labelledby])').count(),
    ).resolves.toBe(0);
  });
});

test('light is light and dark is dark', async () => {
  const backgrounds = [];
  for (const theme of ['light', 'dark'] as const) {
    const { page } = await open('before the first run', { theme });
    backgrounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  const [light, dark] = backgrounds.map((colour) => (colour.match(/\d+/g) ?? []).map(Number));
  expect(contrastOf(light ?? [], [255, 255, 255])).toBeLessThan(1.5);
  expect(contrastOf(dark ?? [], [0, 0, 0])).toBeLessThan(1.5);
});

test('text that is too faint would be found', async () => {
  const { page } = await open('with an error');
  await page.evaluate(() => {
    document.querySelector('h2')?.setAttribute('class', 'faint');
    for (const sheet of document.styleSheets) sheet.insertRule('.faint { color: #999 !important }');
  });
  expect(await findFaintText(page, 4.5)).toEqual([
    { text: 'Last runs', contrast: expect.closeTo(2.85, 1) },
  ]);
});

test('the charts are drawn in the colours of the theme', async () => {
  const colours = [];
  for (const theme of ['light', 'dark'] as const) {
    const { page } = await open('with a run in progress', { theme });
    const box = await page.locator('path.line').boundingBox();
    expect(box?.width).toBeGreaterThan(200);
    expect(await page.locator('rect.changed').count()).toBeGreaterThan(20);
    colours.push(await page.locator('path.line').evaluate((path) => getComputedStyle(path).stroke));
  }
  expect(new Set(colours).size).toBe(2);
});

test('the progress bar is as long as the part that is read', async () => {
  const { page } = await open('with a run in progress');
  const [track, fill] = await Promise.all(
    ['.track', '.fill'].map((part) => page.locator(part).boundingBox()),
  );
  expect((fill?.width ?? 0) / (track?.width ?? 1)).toBeCloseTo(4_000 / 12_900, 2);
});

test('a workspace is a click away from the overview, and the overview from it', async () => {
  const { page, served } = await open('with many workspaces');
  await page.locator('tbody a').first().click();
  expect(page.url()).toBe(`${served.http.url}/workspaces/a_workspace_with_a_long_name_7`);
  await expect(page.locator('h1').innerText()).resolves.toContain('Too old');
  await page.getByText('All workspaces').click();
  expect(page.url()).toBe(`${served.http.url}/`);
});

test('the page reads itself again while a run is on, and stands still when told to', async () => {
  const { page, served } = await open('with a run in progress');
  await seedRuns(served.databaseUrl, [{ startedAgoMs: 1_000, tookMs: 500 }]);
  await page.locator('h1', { hasText: 'Up to date' }).waitFor();
  await page.getByText('stop', { exact: true }).click();
  await expect(page.locator('meta[http-equiv="refresh"]').count()).resolves.toBe(0);
});

test('the keyboard reaches every link, the content first', async () => {
  const { page } = await open('with many workspaces');
  await page.keyboard.press('Tab');
  const first = await page.evaluate(() => document.activeElement?.textContent);
  expect(first).toBe('Skip to the content');
});

test('the database being away is said in the browser too', async () => {
  const databaseUrl = `postgres://a:b@127.0.0.1:${(await closedPort()).port}/c`;
  const { http } = await serveWorker({ databaseUrl });
  const { page } = await browser.open(http.url);
  await expect(page.locator('h1').innerText()).resolves.toBe('The database cannot be read');
});
