import type { WindowSeen } from '../api/windows.ts';
import { type Figure, figureOf } from '../figures.ts';
import { expectCount, runProgram } from '../program.ts';
import { type Measured, type Scene, startApi } from '../scene.ts';
import type { Sizes } from '../sizes.ts';

/** Pages so small that the limit binds, and not what the users on them cost. */
const PER_PAGE = 10;
/** `INTERCOM_RATE_SHARE` as it is if nobody sets it. */
const SHARE = 0.8;

/** How much of what it is allowed the program makes use of, and what it is refused. */
export async function measureRateLimit(scene: Scene): Promise<Measured> {
  const figures: Figure[] = [];
  for (const rateLimit of scene.sizes.rateLimits) {
    figures.push(...(await measureOne(scene, rateLimit)));
  }
  return { figures };
}

async function measureOne(
  scene: Scene,
  { limit, isShared }: Sizes['rateLimits'][number],
): Promise<Figure[]> {
  const company = isShared ? 'while another client takes half' : 'alone';
  scene.tell(`rate limit of ${limit} in ten seconds, ${company}: ${scene.sizes.windows} windows`);
  const othersTake = isShared ? Math.floor(limit / 2) : 0;
  const allowed = Math.min(Math.floor(limit * SHARE), limit - othersTake);
  // The first and the last window are never whole.
  const users = PER_PAGE * allowed * (scene.sizes.windows + 1);
  const rates = { rateLimit: limit, othersTake };
  const api = await startApi(scene, { users, perPage: PER_PAGE, scrollPage: PER_PAGE, ...rates });
  const database = await scene.postgres.createDatabase();
  const run = await runProgram(scene, api, database, { mode: 'full', perPage: PER_PAGE });
  expectCount(run, 'inserted', users);
  await database.drop();
  const { windows } = await api.stop();
  const id = `rate-limit/${limit}-${isShared ? 'shared' : 'alone'}`;
  const of = `at ${limit} in ten seconds, ${company}`;
  return [
    figureOf(
      {
        id: `${id}/used`,
        what: `calls made over calls allowed, ${of}`,
        unit: 'times',
        goal: { atLeast: 0.97 },
      },
      wholeWindows(windows).map(({ answered }) => answered / allowed),
    ),
    figureOf(
      {
        id: `${id}/refused`,
        what: `429s, ${of}`,
        unit: 'calls',
        ...(isShared ? {} : { goal: { atMost: 0 } }),
      },
      [windows.reduce((sum, { refused }) => sum + refused, 0)],
    ),
  ];
}

/** A window without any call in it counts too: it was allowed, and not used. */
function wholeWindows(windows: readonly WindowSeen[]): Pick<WindowSeen, 'answered'>[] {
  const first = windows[0]?.number ?? 0;
  const last = windows.at(-1)?.number ?? 0;
  const byNumber = new Map(windows.map((window) => [window.number, window]));
  return Array.from(
    { length: Math.max(0, last - first - 1) },
    (_, at) => byNumber.get(first + 1 + at) ?? { answered: 0 },
  );
}
