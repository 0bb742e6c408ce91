/** A rate limit like Intercom's: windows of ten seconds, aligned to the wall clock. */
export interface RateWindows {
  take(): Turn;
  /** What became of the calls in each window, in order. */
  readonly seen: readonly WindowSeen[];
}

export interface Turn {
  readonly isAllowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export interface WindowSeen {
  readonly number: number;
  answered: number;
  refused: number;
}

export const WINDOW_SECONDS = 10;

/** `othersTake`: calls that another client makes as soon as a window opens. */
export function openWindows(limit: number, othersTake: number): RateWindows {
  const seen: WindowSeen[] = [];

  function enter(): WindowSeen {
    const number = Math.floor(Date.now() / 1000 / WINDOW_SECONDS);
    const last = seen.at(-1);
    if (last?.number === number) return last;
    const opened = { number, answered: 0, refused: 0 };
    seen.push(opened);
    return opened;
  }

  return {
    seen,
    take() {
      const window = enter();
      const isAllowed = window.answered + othersTake < limit;
      if (isAllowed) window.answered += 1;
      else window.refused += 1;
      return {
        isAllowed,
        headers: {
          'X-RateLimit-Limit': `${limit}`,
          'X-RateLimit-Remaining': `${limit - othersTake - window.answered}`,
          'X-RateLimit-Reset': `${(window.number + 1) * WINDOW_SECONDS}`,
        },
      };
    },
  };
}
