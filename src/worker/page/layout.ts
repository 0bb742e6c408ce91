import { createHash } from 'node:crypto';
import { type Content, html, trusted } from './html.ts';
import type { Tone } from './state.ts';
import { STYLE } from './style.ts';
import { clock } from './words.ts';

export interface PageFrame {
  readonly title: string;
  readonly tone: Tone;
  readonly now: Date;
  /** Null: the reader asked for it to stand still. */
  readonly refreshSeconds: number | null;
  readonly path: string;
  readonly main: Content;
}

/** The page's own stylesheet and nothing else: no script, no other origin, no frame, no form. */
export const CONTENT_SECURITY_POLICY = [
  `default-src 'none'`,
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  `img-src data:`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

/** A whole document. It is complete as it is: it runs no script and loads nothing. */
export function renderPage(frame: PageFrame): string {
  const { title, tone, now, refreshSeconds, path, main } = frame;
  const refresh =
    refreshSeconds === null
      ? html`does not refresh · <a href="${path}">refresh by itself again</a>`
      : html`refreshes every ${refreshSeconds} s · <a href="${path}?refresh=off">stop</a>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${refreshSeconds === null ? null : html`<meta http-equiv="refresh" content="${refreshSeconds}">`}
<title>${title} · intercom-sync</title>
<link rel="icon" href="${icon(tone)}">
<style>${trusted(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><div class="wide">
<a class="home" href="/">intercom-sync</a>
<p>As of <time datetime="${now.toISOString()}">${clock(now)}</time> · ${refresh}</p>
</div></header>
<main id="main" class="wide">${main}</main>
<footer><div class="wide"><p>Counts only: this page shows no user’s data. All times are UTC.</p>
<nav aria-label="For machines"><a href="/metrics">metrics</a> <a href="/readyz">readyz</a> <a href="/healthz">healthz</a></nav></div></footer>
</body>
</html>
`.text;
}

/** A dot in the tab that has the colour of the worst that is on the page. */
function icon(tone: Tone): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${ICON_COLOURS[tone]}"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

const ICON_COLOURS: Readonly<Record<Tone, string>> = {
  bad: '#d1242f',
  warn: '#bf8700',
  idle: '#6e7781',
  busy: '#0969da',
  good: '#1a7f37',
};
