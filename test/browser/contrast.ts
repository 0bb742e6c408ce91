import type { Page } from 'playwright-core';

export interface FaintText {
  readonly text: string;
  readonly contrast: number;
}

/** Text on the page whose contrast with what it stands on is less than this. Needs scripts. */
export async function findFaintText(page: Page, contrastMin: number): Promise<FaintText[]> {
  const drawn = await page.evaluate(() => {
    // Colours as numbers: the browser itself knows best how to read its own notation.
    const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const channels = (colour: string): number[] => {
      pen?.clearRect(0, 0, 1, 1);
      if (pen) pen.fillStyle = colour;
      pen?.fillRect(0, 0, 1, 1);
      return [...(pen?.getImageData(0, 0, 1, 1).data ?? [])];
    };
    const backgroundOf = (element: Element | null): number[] => {
      for (let at = element; at !== null; at = at.parentElement) {
        const background = channels(getComputedStyle(at).backgroundColor);
        if (background[3] === 255) return background;
      }
      return [255, 255, 255, 255];
    };
    const found: { text: string; front: number[]; back: number[] }[] = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode.textContent?.trim() ?? '';
      const element = texts.currentNode.parentElement;
      if (text === '' || element === null || element.closest('title')) continue;
      const { color, fill, display } = getComputedStyle(element);
      if (display === 'none') continue;
      const front = channels(element instanceof SVGElement ? fill : color);
      found.push({ text, front, back: backgroundOf(element) });
    }
    return found;
  });
  return drawn
    .map(({ text, front, back }) => ({ text, contrast: contrastOf(front, back) }))
    .filter(({ contrast }) => contrast < contrastMin);
}

/** By the formula of WCAG 2: from 1, the same, to 21, black on white. */
export function contrastOf(a: readonly number[], b: readonly number[]): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(channels: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
