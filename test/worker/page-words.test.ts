import { expect, test } from 'vitest';
import { html, trusted } from '../../src/worker/page/html.ts';
import { clock, count, fromNow, shortInstant, span } from '../../src/worker/page/words.ts';

test.each([
  [0, 'under 1 s'],
  [1_000, '1 s'],
  [119_999, '119 s'],
  [120_000, '2 min'],
  [7_199_999, '119 min'],
  [7_200_000, '2 h'],
  [7_500_000, '2 h 5 min'],
  [172_799_999, '47 h 59 min'],
  [172_800_000, '2 days'],
  [270_000_000, '3 days 3 h'],
])('%d ms are %s', (ms, words) => {
  expect(span(ms)).toBe(words);
});

test('an instant says how far away it is, and when exactly', () => {
  const now = new Date('2026-11-24T03:00:00Z');
  expect(fromNow(new Date('2026-11-24T02:55:00Z'), now).text).toBe(
    '<time datetime="2026-11-24T02:55:00.000Z" title="2026-11-24 02:55:00 UTC">5 min ago</time>',
  );
  expect(fromNow(new Date('2026-11-24T03:05:00Z'), now).text).toContain('>in 5 min<');
  expect(shortInstant(now).text).toContain('>24\u00a0Nov 03:00<');
  expect(clock(now)).toBe('2026-11-24 03:00:00 UTC');
});

test('one is one, and more are more', () => {
  expect([count(0, 'user'), count(1, 'user'), count(12_345, 'user')]).toEqual([
    '0 users',
    '1 user',
    '12,345 users',
  ]);
});

test('a value in a page is text, whatever is in it', () => {
  const value = `<script>"it's" & more</script>`;
  expect(html`<p title="${value}">${value}</p>`.text).toBe(
    '<p title="&lt;script&gt;&quot;it&#39;s&quot; &amp; more&lt;/script&gt;">&lt;script&gt;&quot;it&#39;s&quot; &amp; more&lt;/script&gt;</p>',
  );
});

test('only what is HTML already stays as it is, in lists too', () => {
  expect(html`<ul>${[html`<li>${'<'}</li>`, '<li>', trusted('<br>'), null, 0]}</ul>`.text).toBe(
    '<ul><li>&lt;</li>&lt;li&gt;<br>0</ul>',
  );
});
