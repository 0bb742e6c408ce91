import { type Figure, type Goal, isReached, type Unit } from './figures.ts';
import type { Results } from './results.ts';

/** What a person reads at the end: first what was to be reached, then all else. */
export function renderResults(results: Results): string {
  const { machine, postgres, figures, notes } = results;
  const withGoal = figures.filter(({ goal }) => goal !== undefined);
  const without = figures.filter(({ goal }) => goal === undefined);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}, data on ${machine.disk}`,
    `Node ${machine.node}, Postgres ${postgres.version} (${postgres.origin}), users of ${results.userBytes} bytes, ${results.date}`,
    Object.entries(postgres.settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    ...notes.map((note) => `note: ${note}`),
    ...[withGoal, without].flatMap((some) => (some.length === 0 ? [] : ['', ...table(some)])),
  ].join('\n');
}

function table(figures: readonly Figure[]): string[] {
  const rows = [
    ['', 'goal', 'median', 'min – max', 'rounds', ''],
    ...figures.map((figure) => [
      figure.what,
      goalText(figure.goal, figure.unit),
      withUnit(figure.median, figure.unit),
      figure.rounds.length === 1
        ? ''
        : `${valueText(figure.min, figure.unit)} – ${valueText(figure.max, figure.unit)}`,
      `${figure.rounds.length}`,
      { true: 'reached', false: 'missed', null: '' }[`${isReached(figure)}`],
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths?.[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

function goalText(goal: Goal | undefined, unit: Unit): string {
  if (goal === undefined) return '';
  return 'atLeast' in goal
    ? `≥ ${valueText(goal.atLeast, unit)}`
    : `≤ ${valueText(goal.atMost, unit)}`;
}

export function valueText(value: number, unit: Unit): string {
  if (unit === 'times') return value.toFixed(value < 10 ? 2 : 1);
  if (Math.abs(value) < 100 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.round(value).toLocaleString('en');
}

function withUnit(value: number, unit: Unit): string {
  return unit === 'times' ? `${valueText(value, unit)} ×` : `${valueText(value, unit)} ${unit}`;
}
