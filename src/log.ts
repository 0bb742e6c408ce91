import { type DestinationStream, pino } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './config.ts';
import type { EventLog, Fields } from './sync/report.ts';

export interface LogOptions {
  readonly level: LogLevel;
  /** People get coloured lines, everything else gets JSON lines. */
  readonly isTerminal: boolean;
  readonly destination: DestinationStream;
}

/** Events and fields, no prose: `{level, time, event, workspace, run_id, …}`. */
export function createLog(options: LogOptions): EventLog {
  const stream = options.isTerminal
    ? pretty({
        colorize: true,
        messageKey: 'event',
        ignore: 'workspace',
        translateTime: 'SYS:HH:MM:ss',
        singleLine: true,
        destination: options.destination as NodeJS.WritableStream,
      })
    : options.destination;
  return bind(pino({ level: options.level, base: null }, stream));
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
