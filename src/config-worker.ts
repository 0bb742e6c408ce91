import { isSafeOrigin, type Reader } from './config-reader.ts';
import { type Cron, isTimeZone, parseCron } from './cron.ts';

/** What the long-running service alone needs. */
export interface WorkerConfig {
  readonly httpHost: string;
  /** 0 takes any port that is free. */
  readonly httpPort: number;
  /** Where notices go. Secret: such an address is often all that is needed to write to a channel. */
  readonly webhookUrl: URL | null;
  /** One for each workspace. */
  readonly schedules: readonly WorkspaceSchedule[];
}

export interface WorkspaceSchedule {
  readonly workspace: string;
  readonly incremental: Cron;
  readonly full: Cron;
}

const HOURLY = '0 * * * *';
/** Sunday night, when least is asked of Intercom. */
const WEEKLY = '0 3 * * 0';

/** `own` gives the name that a variable has for this workspace alone. */
export interface NamedWorkspace {
  readonly name: string;
  readonly own: (variable: string) => string;
}

export function workerConfig(reader: Reader, named: readonly NamedWorkspace[]): WorkerConfig {
  return Object.freeze({
    httpHost: httpHostOf(reader),
    httpPort: reader.whole('HTTP_PORT', { from: 0, to: 65_535, otherwise: 8080 }),
    webhookUrl: webhookUrlOf(reader),
    schedules: Object.freeze(named.map((workspace) => scheduleOf(reader, workspace))),
  });
}

function httpHostOf(reader: Reader): string {
  const host = reader.text('HTTP_HOST', '127.0.0.1');
  if (!/^[\w.:-]{1,253}$/.test(host))
    reader.problems.push('HTTP_HOST must be an address or a name of this machine');
  return host;
}

function webhookUrlOf(reader: Reader): URL | null {
  const text = reader.secret('SYNC_WEBHOOK_URL');
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && isSafeOrigin(url)) return url;
  reader.problems.push(
    'SYNC_WEBHOOK_URL must be an https address without credentials before its host (plain http is for this machine alone)',
  );
  return null;
}

function scheduleOf(reader: Reader, { name, own }: NamedWorkspace): WorkspaceSchedule {
  const either = (variable: string) => (reader.has(own(variable)) ? own(variable) : variable);
  const timeZone = timeZoneOf(reader, either('SYNC_TIMEZONE'));
  return Object.freeze({
    workspace: name,
    incremental: cronOf(reader, either('SYNC_SCHEDULE'), HOURLY, timeZone),
    full: cronOf(reader, either('SYNC_FULL_SCHEDULE'), WEEKLY, timeZone),
  });
}

function timeZoneOf(reader: Reader, name: string): string {
  const zone = reader.text(name, 'UTC');
  if (isTimeZone(zone)) return zone;
  tellOnce(reader, `${name} must be a time zone such as Europe/Berlin`);
  return 'UTC';
}

function cronOf(reader: Reader, name: string, otherwise: string, timeZone: string): Cron {
  const cron = parseCron(reader.text(name, otherwise), timeZone);
  if (cron) return cron;
  tellOnce(reader, `${name} must be a cron expression of five fields, such as ${otherwise}`);
  return { expression: otherwise, timeZone };
}

/** What all workspaces share is read for each, and is wrong but once. */
function tellOnce({ problems }: Reader, problem: string): void {
  if (!problems.includes(problem)) problems.push(problem);
}
