import { randomUUID } from 'node:crypto';
import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import type { Faults } from './faults.ts';
import { renderUser } from './render.ts';
import type { Snapshot, Workspace } from './workspace.ts';

const SCROLL_PAGE = 100;

interface OpenScroll {
  parameter: string;
  snapshot: Snapshot;
  position: number;
  pages: number;
  usedAtMs: number;
}

/** GET /users/scroll: one scroll at a time for the whole workspace, over a snapshot of it. */
export class Scrolls {
  readonly #workspace: Workspace;
  readonly #faults: Faults;
  #open: OpenScroll | undefined;
  /** Nothing closes a scroll: one that was read to its end keeps others out as long as any. */
  #lastUsedAtMs = Number.NEGATIVE_INFINITY;

  constructor(workspace: Workspace, faults: Faults) {
    this.#workspace = workspace;
    this.#faults = faults;
  }

  answer(parameter: string | null, version: string, now: Date): Answer {
    const nowMs = now.getTime();
    this.#bury(nowMs);
    if (parameter === null || parameter === '') return this.#begin(nowMs, version);
    if (this.#open?.parameter !== parameter) return scrollNotFound(this.#faults);
    return this.#turnPage(this.#open, nowMs, version);
  }

  /** A scroll that nobody used for a minute is gone. */
  #bury(nowMs: number): void {
    if (this.#open === undefined || nowMs - this.#open.usedAtMs < this.#faults.scrollLifeMs) return;
    this.#open.snapshot.release();
    this.#open = undefined;
  }

  #begin(nowMs: number, version: string): Answer {
    const { scrollHeldByOther, scrollLifeMs, scrollLockMs } = this.#faults;
    const isLocked = nowMs - this.#lastUsedAtMs < scrollLifeMs + scrollLockMs;
    if (scrollHeldByOther || isLocked) return scrollExists(this.#faults);
    this.#open?.snapshot.release();
    const snapshot = this.#workspace.snapshot();
    this.#open = { parameter: randomUUID(), snapshot, position: 0, pages: 0, usedAtMs: nowMs };
    return this.#turnPage(this.#open, nowMs, version);
  }

  #turnPage(open: OpenScroll, nowMs: number, version: string): Answer {
    const { scrollParam, scrollShortPages } = this.#faults;
    if (scrollParam === 'changing') open.parameter = randomUUID();
    const isShort = scrollShortPages && open.pages % 2 === 0;
    const size = isShort ? 1 + (open.pages % (SCROLL_PAGE - 1)) : SCROLL_PAGE;
    const users = open.snapshot.users(open.position, open.position + size);
    open.position += users.length;
    open.pages += 1;
    open.usedAtMs = nowMs;
    this.#lastUsedAtMs = nowMs;
    const rendered = users.map((user) => renderUser(user, version, this.#faults)).join(',');
    const parameter = JSON.stringify(open.parameter);
    return jsonAnswer(`{"type":"user.list","users":[${rendered}],"scroll_param":${parameter}}`);
  }
}

export function scrollExists(faults: Faults): Answer {
  const message = 'scroll already exists for this workspace';
  return errorAnswer({ status: 400, code: 'scroll_exists', message }, faults);
}

export function scrollNotFound(faults: Faults): Answer {
  const message = 'scroll parameter not found';
  return errorAnswer({ status: 404, code: 'not_found', message }, faults);
}
