import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { onTestFinished } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';

// Nothing but the page is asked for: no updates, no sync, no first-run greeting.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export type Theme = 'light' | 'dark';

export interface Look {
  readonly theme?: Theme;
  readonly width?: number;
  readonly hasScript?: boolean;
}

export const PHONE_WIDTH = 360;
export const DESK_WIDTH = 1_280;

export interface Browser {
  /** A page that is loaded, until the test is over, and what went wrong in it. */
  open(url: string, look?: Look): Promise<Opened>;
  close(): Promise<void>;
}

export interface Opened {
  readonly page: Page;
  /** What the browser's console says, and errors that nobody caught. */
  readonly complaints: readonly string[];
  /** Everything that was asked for, the page itself first. */
  readonly requests: readonly string[];
}

/** Debian's chromium with an empty profile, for as long as a file of tests runs. */
export async function startBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} is not there; install the package: apt-get install chromium`);
  }
  const profile = mkdtempSync(join(tmpdir(), 'intercom-sync-browser-'));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: ARGUMENTS,
    env: { PATH: '/usr/bin:/bin', HOME: profile, LANG: 'C.UTF-8' },
  });
  return {
    async open(url, look = {}) {
      return load(await browser.newContext(optionsFor(look)), url);
    },
    async close() {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

function optionsFor({ theme = 'light', width = DESK_WIDTH, hasScript = true }: Look) {
  const options: BrowserContextOptions = {
    colorScheme: theme,
    javaScriptEnabled: hasScript,
    viewport: { width, height: 800 },
  };
  return options;
}

async function load(context: BrowserContext, url: string): Promise<Opened> {
  // A page that is left open goes on refreshing itself.
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url, { waitUntil: 'load' });
  return { page, complaints, requests };
}
