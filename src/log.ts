import { createRequire } from 'node:module';
import { type DestinationStream, pino } from 'pino';
import type { LogLevel } from './config.ts';
import type { EventLog, Fields } from './sync/report.ts';

const loadNow = createRequire(import.meta.url);

export interface LogOptions {
  readonly level: LogLevel;
  /** People get coloured lines, everything else gets JSON lines. */
  readonly isTerminal: boolean;
  readonly destination: DestinationStream;
}

/** Events and fields, no prose: `{level, time, event, workspace, run_id, …}`. */
export function createLog(options: LogOptions): EventLog {
  return bind(pino({ level: options.level, base: null }, destinationOf(options)));
}

/** In step with the program, not behind it: the last line before an exit is the one that counts. */
function destinationOf({ isTerminal, destination }: LogOptions): DestinationStream {
  if (!isTerminal) return destination;
  // Thirty files, and nobody looks at most runs.
  const { prettyFactory }: typeof import('pino-pretty') = loadNow('pino-pretty');
  const prettify = prettyFactory({
    colorize: true,
    messageKey: 'event',
    ignore: 'workspace',
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  });
  return { write: (line) => destination.write(prettify(line)) };
}

function bind(logger: pino.Logger): EventLog {
  return {
    debug: (event, fields = {}) => logger.debug({ event, ...fields }),
    info: (event, fields = {}) => logger.info({ event, ...fields }),
    warn: (event, fields = {}) => logger.warn({ event, ...fields }),
    error: (event, fields = {}) => logger.error({ event, ...fields }),
    with: (fields: Fields) => bind(logger.child(fields)),
  };
}
