import type { Figure } from '../figures.ts';
import type { Results } from '../results.ts';
import { valueText } from '../table.ts';
import { type Bar, drawBars } from './bars.ts';
import { drawColumns } from './columns.ts';
import { INK, text, WIDTH } from './ink.ts';

interface Panel {
  readonly height: number;
  draw(top: number): string;
}

const MARGIN = 28;

/** The results as one SVG: the ratios over COPY, the rivals, and how speed and memory grow. */
export function drawPicture(results: Results): string {
  const panels = [rivalsPanel(results), copyPanel(results), growthPanel(results)];
  let y = 106;
  const drawn: string[] = [];
  for (const panel of panels) {
    if (panel === null) continue;
    drawn.push(panel.draw(y));
    y += panel.height + 34;
  }
  const height = y + 22;
  const { machine, postgres } = results;
  const footer = [
    `${machine.cpu} · ${machine.cores} cores · ${machine.memoryGb} GB · ${machine.kernel}`,
    `Node ${machine.node.slice(1)} · Postgres ${postgres.version}, fsync ${postgres.settings.fsync} · ${results.date.slice(0, 10)} · medians; thin lines: lowest to highest round`,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="How fast intercom-sync is, against COPY and against what people would write">`,
    `<style>${INK}</style>`,
    `<rect class="paper" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10"/>`,
    text(MARGIN, 42, 'title', 'From Intercom’s API into Postgres, end to end'),
    text(
      MARGIN,
      66,
      'quiet',
      `Users of ${valueText(results.userBytes / 1000, 'MB')} kB. 1.0 is one COPY of the same rows into the same table: what the database itself can do.`,
    ),
    ...drawn,
    ...footer.map((line, at) => text(MARGIN, y + at * 17 - 6, 'small', line)),
    '</svg>\n',
  ].join('\n');
}

function rivalsPanel({ figures }: Results): Panel | null {
  const bars = figures
    .filter(({ id }) => /^rivals\/.*\/of-copy$/.test(id))
    .map((figure): Bar => {
      const name = figure.id.split('/')[1];
      const users = figures.find(({ id }) => id === `rivals/${name}/users`);
      const over = figures.find(({ id }) => id === `rivals/${name}/ours-over`);
      const slower = over ? ` · ${slownessText(over.median)}` : '';
      return {
        ...barOf(figure, figure.what.replace(/, over COPY$/, '')),
        isOurs: over === undefined,
        note: `${valueText(users?.median ?? 0, 'users/s')} users/s${slower}`,
      };
    })
    // The best at the top, and ours wherever it belongs.
    .sort((a, b) => b.value - a.value);
  return panelOf('First load by scroll, and what people would write in its place', bars);
}

function slownessText(oursOver: number): string {
  if (oursOver < 1) return `${valueText(1 / oursOver, 'times')} × faster`;
  return `${valueText(oursOver, 'times')} × slower`;
}

function copyPanel({ figures }: Results): Panel | null {
  const bars = figures
    .filter(({ id }) => /^copy\/.*\/ratio$/.test(id))
    .map((figure): Bar => {
      const users = figures.find(({ id }) => id === figure.id.replace(/ratio$/, 'users'));
      const goal = figure.goal && 'atLeast' in figure.goal ? figure.goal.atLeast : null;
      return {
        ...barOf(figure, figure.what.replace(/: end to end over COPY$/, '')),
        isOurs: true,
        goal,
        note: `${valueText(users?.median ?? 0, 'users/s')} users/s`,
      };
    });
  return panelOf('intercom-sync, however it reads and whatever it finds', bars);
}

function panelOf(title: string, bars: readonly Bar[]): Panel | null {
  if (bars.length === 0) return null;
  const { height, draw } = drawBars(title, bars, MARGIN);
  return { height, draw };
}

function barOf(figure: Figure, label: string): Bar {
  const { median, min, max } = figure;
  return { label, value: median, min, max, isOurs: true, goal: null, note: '' };
}

function growthPanel({ series, figures }: Results): Panel | null {
  const speed = series.find(({ id }) => id === 'speed');
  const memory = series.find(({ id }) => id === 'memory');
  if (!speed || !memory) return null;
  const users = speed.points.at(-1)?.users ?? 0;
  const peaks = memory.points
    .map((point) => `${point.users.toLocaleString('en')} users: ${valueText(point.value, 'MB')} MB`)
    .join(' · ');
  const growth = figures.find(({ id }) => id === 'load/last-over-first');
  const title = `One load of ${users.toLocaleString('en')} users: users/s of each tenth`;
  const last = growth ? `the last over the first: ${valueText(growth.median, 'times')}` : '';
  return drawColumns(title, `${last} · peak memory by load: ${peaks}`, speed.points, MARGIN);
}
