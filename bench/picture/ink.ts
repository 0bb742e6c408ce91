export const WIDTH = 880;

/** Readable on its own paper, whichever way the page around it is coloured. */
export const INK = `
.paper{fill:#ffffff;stroke:#d8dee4}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;fill:#1f2328}
.title{font-size:22px;font-weight:650}
.head{font-size:15px;font-weight:600}
.label,.value{font-size:13px}
.value{font-weight:600}
.quiet,.small,.tick{fill:#59636e}
.quiet{font-size:13px}
.small,.tick{font-size:11.5px}
.ours{fill:#1f6feb}
.other{fill:#8c959f}
.spread{stroke:#1f2328;stroke-width:1.2}
.one{stroke:#59636e;stroke-width:1;stroke-dasharray:3 3}
.goal{stroke:#bf5700;stroke-width:2.5}
.goal-text{fill:#bf5700}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117;stroke:#3d444d}
text{fill:#f0f6fc}
.quiet,.small,.tick{fill:#9198a1}
.ours{fill:#4493f8}
.other{fill:#656c76}
.spread{stroke:#f0f6fc}
.one{stroke:#9198a1}
.goal{stroke:#f0883e}
.goal-text{fill:#f0883e}
}`.replaceAll('\n', '');

export type Anchor = 'start' | 'middle' | 'end';

export function text(
  x: number,
  y: number,
  className: string,
  words: string,
  anchor: Anchor = 'start',
): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const place = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text class="${className}" x="${round(x)}" y="${round(y)}"${place}>${safe}</text>`;
}

export function line(className: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${className}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

export function box(className: string, x: number, y: number, width: number, height: number) {
  return `<rect class="${className}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="2"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
