import { CronExpressionParser } from 'cron-parser';

/** A cron expression and the zone that its hours are of; both were checked by `parseCron`. */
export interface Cron {
  readonly expression: string;
  readonly timeZone: string;
}

/**
 * Null where it is no expression of five fields (or `@daily` and the like) that ever comes round.
 * Seconds would be promised in vain, as ticks are looked for twice a minute, and `H` means another
 * minute each time it is read.
 */
export function parseCron(expression: string, timeZone: string): Cron | null {
  const fields = expression.split(/\s+/);
  const isKnownShape = fields.length === 5 || (fields.length === 1 && expression.startsWith('@'));
  if (!isKnownShape || fields.some((field) => /(^|[,/])H/i.test(field))) return null;
  const cron = { expression, timeZone };
  try {
    nextOccurrence(cron, new Date());
    return cron;
  } catch {
    return null;
  }
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The first occurrence after this instant. */
export function nextOccurrence(cron: Cron, after: Date): Date {
  return at(cron, after).next().toDate();
}

/** The last occurrence up to this instant, and at it. */
export function lastOccurrence(cron: Cron, until: Date): Date {
  // The parser goes back from its date without that date itself.
  return at(cron, new Date(until.getTime() + 1))
    .prev()
    .toDate();
}

function at({ expression, timeZone }: Cron, currentDate: Date) {
  return CronExpressionParser.parse(expression, { tz: timeZone, strict: false, currentDate });
}
