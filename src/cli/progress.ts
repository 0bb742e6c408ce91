import type { EventLog, Progress } from '../sync/report.ts';
import type { PageCounts } from '../sync/store.ts';
import { formatDuration, formatNumber } from './output.ts';

const REDRAW_MS = 100;
const LOG_EVERY_MS = 10_000;
const BAR_CELLS = 24;

/** One line at the bottom of a terminal, and log lines that scroll by above it. */
export interface TerminalLine {
  readonly progress: Progress;
  /** Where the log goes, so that the two do not write over each other. */
  readonly logDestination: { write(text: string): void };
  /** Takes the line away. */
  clear(): void;
}

/** `callsLeft` tells the calls left in the rate limit's window, null while unknown. */
export function createTerminalLine(
  terminal: NodeJS.WritableStream & { columns?: number },
  callsLeft: () => number | null,
): TerminalLine {
  const meter = createMeter();
  let shown = '';
  let drawnMs = 0;

  const erase = () => {
    if (shown !== '') terminal.write('\r\x1b[2K');
  };
  const draw = () => {
    erase();
    shown = renderLine(meter.read(), callsLeft()).slice(0, (terminal.columns ?? 80) - 1);
    terminal.write(shown);
    drawnMs = performance.now();
  };

  return {
    progress: {
      passStarted: (pass) => meter.start(pass),
      pageWritten(counts, totalCount) {
        meter.add(counts, totalCount);
        if (performance.now() - drawnMs >= REDRAW_MS) draw();
      },
    },
    logDestination: {
      write(text) {
        erase();
        terminal.write(text);
        if (shown !== '') terminal.write(shown);
      },
    },
    clear() {
      erase();
      shown = '';
    },
  };
}

/** Without a terminal: now and then an event, so that a long run is seen to live. */
export function createLogProgress(log: EventLog): Progress {
  const meter = createMeter();
  let toldMs = performance.now();
  return {
    passStarted: (pass) => meter.start(pass),
    pageWritten(counts, totalCount) {
      meter.add(counts, totalCount);
      if (performance.now() - toldMs < LOG_EVERY_MS) return;
      toldMs = performance.now();
      const { pass, users, total, usersPerSecond } = meter.read();
      log.info('progress', {
        pass,
        users_read: users,
        total_count: total,
        users_per_second: Math.round(usersPerSecond),
      });
    },
  };
}

interface Reading {
  readonly pass: string;
  /** Users read in this pass. */
  readonly users: number;
  /** What Intercom counts; a scroll is told nothing, and goes by the count of the list before it. */
  readonly total: number | null;
  readonly usersPerSecond: number;
}

function createMeter() {
  let pass = '';
  let users = 0;
  let total: number | null = null;
  let startedMs = performance.now();
  return {
    start(name: string): void {
      pass = name;
      users = 0;
      startedMs = performance.now();
    },
    add(counts: PageCounts, totalCount: number | null): void {
      users += counts.users;
      total = totalCount ?? total;
    },
    read(): Reading {
      const seconds = Math.max(0.001, (performance.now() - startedMs) / 1000);
      return { pass, users, total, usersPerSecond: users / seconds };
    },
  };
}

function renderLine(
  { pass, users, total, usersPerSecond }: Reading,
  callsLeft: number | null,
): string {
  const speed = `${formatNumber(Math.round(usersPerSecond))} users/s`;
  const calls = callsLeft === null ? '' : `  ${formatNumber(callsLeft)} calls left`;
  // The pass over what changed counts all users but reads only its front.
  if (total === null || pass === 'updated' || pass === 'created') {
    return `${pass.padEnd(7)} ${formatNumber(users)} users  ${speed}${calls}`;
  }
  const share = total === 0 ? 1 : Math.min(1, users / total);
  const bar = '█'.repeat(Math.round(share * BAR_CELLS)).padEnd(BAR_CELLS, '░');
  const leftMs = (Math.max(0, total - users) / Math.max(1, usersPerSecond)) * 1000;
  return `${pass.padEnd(7)} ${bar} ${formatNumber(users)} of ${formatNumber(total)}  ${speed}  ${formatDuration(leftMs)} left${calls}`;
}
