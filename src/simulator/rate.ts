import type { Faults } from './faults.ts';

const WINDOW_SECONDS = 10;
const FAR_SECONDS = 365 * 86_400;

export interface Turn {
  isAllowed: boolean;
  limit: number;
  headers: Record<string, string>;
}

/** Windows of 10 s aligned to the wall clock; the budget belongs to the whole workspace. */
export class RateWindows {
  /** Requests in one window. */
  limit: number;
  readonly #clock: () => Date;
  readonly #faults: Faults;
  #window = -1;
  #used = 0;

  constructor(limit: number, faults: Faults, clock: () => Date) {
    this.limit = limit;
    this.#faults = faults;
    this.#clock = clock;
  }

  /** Another client of the workspace makes so many requests in the window that is running. */
  consume(requests: number): void {
    this.#enterWindow();
    this.#used += requests;
  }

  /** One request's turn: whether it is served, and what the headers say. */
  take(): Turn {
    this.#enterWindow();
    this.#used += 1;
    const isAllowed = this.#used <= this.limit;
    return { isAllowed, limit: this.limit, headers: this.headers(isAllowed) };
  }

  /** The headers as they stand now. */
  headers(isAllowed: boolean): Record<string, string> {
    const { rateHeaders, rateReset } = this.#faults;
    if (rateHeaders === 'absent' || (rateHeaders === 'absent-on-429' && !isAllowed)) return {};
    const resetAt = (this.#window + 1) * WINDOW_SECONDS;
    const shift = { right: 0, past: -FAR_SECONDS, far: FAR_SECONDS }[rateReset];
    return {
      'X-RateLimit-Limit': String(this.limit),
      'X-RateLimit-Remaining': String(isAllowed ? Math.max(0, this.limit - this.#used) : 0),
      'X-RateLimit-Reset': String(resetAt + shift),
    };
  }

  #enterWindow(): void {
    const window = Math.floor(this.#clock().getTime() / 1000 / WINDOW_SECONDS);
    if (window === this.#window) return;
    this.#window = window;
    this.#used = this.#faults.otherClientPerWindow;
  }
}
