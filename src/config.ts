import { createReader, type Environment, isSafeOrigin, type Reader } from './config-reader.ts';
import { type NamedWorkspace, type WorkerConfig, workerConfig } from './config-worker.ts';
import { SyncError } from './errors.ts';

export type { Environment } from './config-reader.ts';

/** Every setting, parsed once from the environment. Nothing else in the program reads variables. */
export interface Config {
  /** A Postgres URL, or `embedded` for one of the program's own. Secret. */
  readonly databaseUrl: string;
  /** Where the embedded Postgres lives. */
  readonly syncDirectory: string;
  readonly logLevel: LogLevel;
  readonly overlapMinutes: number;
  readonly fullEveryDays: number;
  /** The part of the live users that one sweep may mark as deleted, from 0 to 1. */
  readonly massDeleteLimit: number;
  readonly leaseSeconds: number;
  readonly retentionDays: number;
  readonly worker: WorkerConfig;
  /** Empty for a command that does not speak to Intercom. */
  readonly workspaces: readonly WorkspaceConfig[];
}

export interface WorkspaceConfig {
  readonly name: string;
  /** Secret. */
  readonly accessToken: string;
  readonly baseUrl: URL;
  readonly apiVersion: string;
  readonly perPage: number;
  readonly rateShare: number;
  readonly requestTimeoutMs: number;
  readonly scrollRestartWaitMs: number;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Throws one `SyncError` of kind `settings` that names every variable that is missing or wrong, and
 * never a value. An empty variable counts as unset, as compose files pass it.
 */
export function parseConfig(env: Environment, needs: { intercom: boolean }): Config {
  const reader = createReader(env);
  const named = namedWorkspaces(reader);
  const config: Config = {
    databaseUrl: databaseUrlOf(reader),
    syncDirectory: reader.text('INTERCOM_SYNC_DIR', '.intercom-sync'),
    logLevel: reader.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    overlapMinutes: reader.whole('SYNC_OVERLAP_MINUTES', { from: 0, to: 10_080, otherwise: 10 }),
    fullEveryDays: reader.whole('SYNC_FULL_EVERY_DAYS', { from: 0, to: 365, otherwise: 7 }),
    massDeleteLimit: reader.share('SYNC_MASS_DELETE_LIMIT', { from: 0, otherwise: 0.1 }),
    leaseSeconds: reader.whole('SYNC_LEASE_SECONDS', { from: 3, to: 3600, otherwise: 30 }),
    retentionDays: reader.whole('SYNC_RETENTION_DAYS', { from: 1, to: 3650, otherwise: 90 }),
    worker: workerConfig(reader, named),
    workspaces: Object.freeze(
      needs.intercom ? named.map(({ name, own }) => workspace(reader, name, own)) : [],
    ),
  };
  if (reader.problems.length > 0) throw new SyncError('settings', reader.problems.join('\n'));
  return Object.freeze(config);
}

function namedWorkspaces(reader: Reader): NamedWorkspace[] {
  const names = reader.text('INTERCOM_WORKSPACES', '');
  if (names === '') return [{ name: 'default', own: (variable) => variable }];
  const listed = names.split(',').map((name) => name.trim());
  if (!listed.every((name) => /^[a-z0-9_]+$/.test(name))) {
    // Nothing more is said of them: the names of their variables would repeat what was given.
    reader.problems.push(
      'INTERCOM_WORKSPACES must be names of a-z, 0-9 and _, with commas between them',
    );
    return [];
  }
  const taken = listed.flatMap((name) => [name, `${name}_file`]);
  if (new Set(taken).size < taken.length) {
    reader.problems.push(
      'INTERCOM_WORKSPACES must be names that differ, and none may be another with _file behind it',
    );
  }
  return listed.map((name) => ({
    name,
    own: (variable) => `${variable}__${name.toUpperCase()}`,
  }));
}

/** A workspace's own variable counts, else the one for all; a token is never shared. */
function workspace(
  reader: Reader,
  name: string,
  own: (variable: string) => string,
): WorkspaceConfig {
  const either = (variable: string) => (reader.has(own(variable)) ? own(variable) : variable);
  return Object.freeze({
    name,
    accessToken: accessTokenOf(reader, own('INTERCOM_ACCESS_TOKEN')),
    baseUrl: baseUrlOf(reader, either('INTERCOM_BASE_URL')),
    apiVersion: apiVersionOf(reader, either('INTERCOM_API_VERSION')),
    perPage: reader.whole(either('INTERCOM_PER_PAGE'), { from: 1, to: 60, otherwise: 50 }),
    rateShare: reader.share(either('INTERCOM_RATE_SHARE'), { from: 0.01, otherwise: 0.8 }),
    requestTimeoutMs: reader.whole(either('INTERCOM_REQUEST_TIMEOUT_MS'), {
      from: 100,
      to: 600_000,
      otherwise: 90_000,
    }),
    scrollRestartWaitMs: reader.whole(either('INTERCOM_SCROLL_RESTART_WAIT_MS'), {
      from: 0,
      to: 3_600_000,
      otherwise: 65_000,
    }),
  });
}

function databaseUrlOf(reader: Reader): string {
  const url = reader.secret('DATABASE_URL');
  if (url === 'embedded') return url;
  if (url === undefined) {
    reader.problems.push(
      'DATABASE_URL is missing: set it to postgres://user:password@host:5432/database, or to the word embedded for a Postgres of the program’s own',
    );
  } else if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    reader.problems.push(
      'DATABASE_URL must be the word embedded or an address that begins with postgres://',
    );
  }
  return url ?? '';
}

function accessTokenOf(reader: Reader, name: string): string {
  const token = reader.secret(name);
  if (token === undefined)
    reader.problems.push(`${name} is missing: an access token of the Intercom workspace`);
  // A header cannot carry anything else, and fetch would repeat the value in its error.
  else if (!/^[\x21-\x7e]+$/.test(token))
    reader.problems.push(`${name} must be one word of printable ASCII`);
  return token ?? '';
}

function baseUrlOf(reader: Reader, name: string): URL {
  const text = reader.text(name, 'https://api.intercom.io');
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && isSafeBase(url)) return url;
  reader.problems.push(
    `${name} must be an https address without a query or credentials (plain http is for this machine alone)`,
  );
  return new URL('https://api.intercom.io');
}

function apiVersionOf(reader: Reader, name: string): string {
  const version = reader.text(name, '1.4');
  if (!/^(\d{1,2}\.\d{1,3}|Preview|Unstable)$/.test(version))
    reader.problems.push(`${name} must look like 1.4`);
  return version;
}

function isSafeBase(url: URL): boolean {
  return isSafeOrigin(url) && url.search === '' && url.hash === '';
}
