import { SyncError } from '../errors.ts';
import { faultOf, type RunReport, statusOf } from '../sync/report.ts';

const NUMBERS = new Intl.NumberFormat('en-US');

export function formatNumber(value: number): string {
  return NUMBERS.format(value);
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function formatInstant(instant: Date | null): string {
  return instant === null
    ? '–'
    : instant
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, ' UTC');
}

const CELL_WIDTH_MAX = 60;

/** A table for a terminal; numbers stand to the right, long cells and control characters are cut. */
export function renderTable(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): string {
  const cells = rows.map((row) => row.map(cellOf));
  const widths = columns.map((name, at) =>
    Math.max(name.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const isNumeric = columns.map(
    (_, at) => rows.length > 0 && rows.every((row) => isNumber(row[at])),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) =>
        isNumeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [
    line(columns),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...cells.map(line),
  ].join('\n');
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value));
}

function cellOf(value: unknown): string {
  const text = textOf(value);
  // A value from outside must not move the cursor or ring the bell.
  const plain = text.replace(/\p{Cc}/gu, ' ');
  return plain.length > CELL_WIDTH_MAX ? `${plain.slice(0, CELL_WIDTH_MAX - 1)}…` : plain;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return formatInstant(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A run in words and numbers. */
export function summarize(report: RunReport): string {
  const { counts } = report;
  const n = formatNumber;
  const status = statusOf(report.error);
  const how = { succeeded: 'Done', failed: 'Failed', interrupted: 'Stopped' }[status];
  const run = `${report.mode === null ? 'run' : `${report.mode} run`} of workspace ${report.workspace}`;
  const lines = [`${how} after ${formatDuration(report.durationMs)}: ${run}`];
  if (report.pages > 0) {
    lines.push(
      `  read ${n(counts.users)} users on ${n(report.pages)} pages`,
      `  ${n(counts.inserted)} new, ${n(counts.updated)} changed, ${n(counts.unchanged)} unchanged, ${n(counts.duplicates)} read more than once, ${n(counts.rejected)} set aside`,
    );
  }
  if (report.deleted > 0) lines.push(`  ${n(report.deleted)} marked as deleted`);
  if (report.limitReached) {
    lines.push("  Intercom's limit of 10,000 users was reached; the scroll has no such limit");
  }
  const { message } = faultOf(report.error);
  if (message !== null) lines.push(`  ${message}`, ...hintLines(report.error));
  if (status !== 'succeeded' && report.pages > 0)
    lines.push('  What was read is kept. Run it again.');
  return lines.join('\n');
}

function hintLines(error: unknown): string[] {
  return error instanceof SyncError && error.hint !== null ? [`  ${error.hint}`] : [];
}
