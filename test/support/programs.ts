import { onTestFinished, vi } from 'vitest';
import type { Environment } from '../../src/config.ts';
import type { RequestLog, Simulator } from '../../src/simulator/server.ts';
import { type RunningProgram, rowsOf, startProgram } from './sync.ts';

/** Waits for things that happen; the bound is there for a test that is stuck. */
export const PATIENCE = { timeout: 90_000, interval: 20 } as const;

/** A program that its test does not leave behind, be it running or stopped. */
export function startInTest(args: readonly string[], env: Environment): RunningProgram {
  const program = startProgram(args, env);
  onTestFinished(async () => {
    program.kill('SIGKILL');
    await program.finished;
  });
  return program;
}

/** A program whose request is held must not give it up, and ask again, before the test lets it go. */
export const HELD_REQUEST_MAX_MS = '600000';

export interface HeldRequest {
  /** Settles when the request has come. */
  readonly came: Promise<void>;
  letGo(): void;
}

/** The first request that is meant finds the door shut, until it is let go. */
export function holdRequest(
  simulator: Simulator,
  isMeant: (request: RequestLog) => boolean,
): HeldRequest {
  const came = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const remove = simulator.onRequest(async (request) => {
    if (!isMeant(request)) return;
    remove();
    came.resolve();
    await gone.promise;
  });
  return { came: came.promise, letGo: gone.resolve };
}

/** For `holdRequest`: a page of the list of all. */
export function isListPage(page: number): (request: RequestLog) => boolean {
  return ({ path, query }) =>
    path === '/users' && query.get('page') === `${page}` && query.get('sort') === 'created_at';
}

/** The same database for a program whose connections are to be known by this name. */
export function named(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('application_name', name);
  return url.href;
}

export interface Session {
  readonly pid: number;
  readonly waitsFor: string | null;
  /** When it last began or ended a statement. */
  readonly changedAt: Date;
}

/** What the server says of the connections of this name. */
export function sessionsOf(databaseUrl: string, name: string): Promise<Session[]> {
  return rowsOf(
    databaseUrl,
    `select pid, wait_event_type as "waitsFor", state_change as "changedAt" from pg_stat_activity
     where datname = current_database() and application_name = $1`,
    [name],
  );
}

/** Settles when a statement of this program waits for a lock. */
export async function waitsForLock(databaseUrl: string, name: string): Promise<Session> {
  const found = await vi.waitUntil(async () => {
    const sessions = await sessionsOf(databaseUrl, name);
    return sessions.find(({ waitsFor }) => waitsFor === 'Lock');
  }, PATIENCE);
  return found as Session;
}
