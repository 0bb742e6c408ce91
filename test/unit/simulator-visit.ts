import { onTestFinished } from 'vitest';
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/server.ts';

/** In the middle of a rate window, far from midnight. */
export const NOON = new Date('2026-03-02T12:00:05Z');

/** A clock that stands still until a test moves it. */
export interface StoppedClock {
  (): Date;
  move(milliseconds: number): void;
}

export function stoppedClock(): StoppedClock {
  let nowMs = NOON.getTime();
  return Object.assign(() => new Date(nowMs), {
    move: (milliseconds: number) => {
      nowMs += milliseconds;
    },
  });
}

/** A simulator that is gone when the test is. */
export async function open(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ users: 130, now: stoppedClock(), ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

export interface Page {
  type: string;
  limited?: boolean;
  total_count?: number;
  users: Record<string, unknown>[];
  pages: { type?: string; next?: string | null; page?: number; total_pages?: number };
  scroll_param: string;
}

export interface Visit {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON, taken for a page of users. */
  page: Page;
  errors: { code?: string; type?: string; message: string; field?: string }[];
}

export const credentials = { authorization: 'Bearer simulator-token', 'intercom-version': '1.4' };

/** One request, with the right token and version unless other headers are given. */
export async function visit(
  simulator: Simulator,
  target: string,
  headers: Record<string, string> = credentials,
): Promise<Visit> {
  const url = new URL(target, simulator.url);
  const response = await fetch(url, { headers, redirect: 'manual' });
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const { errors } = (body ?? {}) as { errors?: Visit['errors'] };
  return {
    status: response.status,
    headers: response.headers,
    text,
    page: body as Page,
    errors: errors ?? [],
  };
}

/** Follows `next` from a first page to the end; fails if there is none. */
export async function readList(simulator: Simulator, target = '/users'): Promise<Page[]> {
  const pages: Page[] = [];
  let next: string | null | undefined = target;
  while (typeof next === 'string') {
    if (pages.length > 1_000) throw new Error('The list has no end.');
    const { page, status, text }: Visit = await visit(simulator, next);
    if (status !== 200) throw new Error(`${next} answers ${status} ${text}`);
    pages.push(page);
    next = page.pages.next;
  }
  return pages;
}

export function ids(pages: readonly Page[]): unknown[] {
  return pages.flatMap((page) => page.users.map((user) => user.id));
}
