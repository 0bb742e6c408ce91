import type { RequestLog } from '../../src/simulator/server.ts';
import type { Statement, Verdict } from '../support/postgres-proxy.ts';
import type { World } from './world.ts';

/** One thing that crosses a wire of the program, as whoever watches the wire can name it. */
export interface Moment {
  /** Before it is carried out, or after that and before the program hears of it. */
  readonly when: 'before' | 'after';
  readonly what: string;
  /** From 1. Of a page's own statements the page they are of, else one more than were committed. */
  readonly page: number;
  /** Moments are counted from 1. */
  readonly number: number;
}

/** Calls `act` at each moment; the wire waits for it, and does not carry what it says to cut off. */
export function onMoments(
  world: World,
  act: (moment: Moment) => Promise<'pass' | 'cut'>,
): () => void {
  const lastOn = new Map<number, string>();
  // Several pages may be under way, each on a connection of its own, in their order.
  const underWay: number[] = [];
  let committed = 0;
  let number = 0;
  const meet = (when: Moment['when'], what: string, connection?: number) => {
    number += 1;
    // Only its users go ahead of the page before: what follows them is of the page that lands next.
    let place = 0;
    if (what === 'the users' && connection !== undefined) {
      if (!underWay.includes(connection)) underWay.push(connection);
      place = underWay.indexOf(connection);
    }
    return act({ when, what, page: committed + 1 + place, number });
  };
  const leave = (connection: number) => {
    if (underWay.includes(connection)) underWay.splice(underWay.indexOf(connection), 1);
  };
  const name = ({ text, connection }: Statement) => {
    const known = NAMES.find(([pattern]) => pattern.test(text))?.[1];
    // A page's rejects come behind its checkpoint, and its commit is that of the checkpoint.
    if (known && known !== 'the rejects') lastOn.set(connection, known);
    return text === 'commit' ? `commit of ${lastOn.get(connection)}` : (known ?? 'another');
  };
  const stops = [
    world.proxy.onStatement(async (statement): Promise<Verdict> => {
      return (await meet('before', name(statement), statement.connection)) === 'cut'
        ? 'cut before'
        : 'pass';
    }),
    world.proxy.onAnswer(async (statement) => {
      const what = name(statement);
      await meet('after', what, statement.connection);
      if (what === 'commit of the checkpoint') committed += 1;
      if (/^(commit|rollback)$/.test(statement.text)) leave(statement.connection);
    }),
    world.simulator.onRequest(async (request) => {
      await meet('before', nameOf(request));
    }),
  ];
  return () => stops.forEach((stop) => void stop());
}

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^begin/, 'begin'],
  [/^insert into "intercom"."sync_leases"/, 'the lease'],
  [/^insert into "intercom"."sync_runs"/, 'the run'],
  [/^update "intercom"."sync_runs" set "watermark"/, 'the watermark'],
  [/^update "intercom"."sync_runs" set "limit_reached"/, 'the limit'],
  [/insert into "intercom"."users"/, 'the users'],
  [/^\s*insert into "intercom"."rejected_users"/, 'the rejects'],
  [/insert into "intercom"."sync_checkpoints"/, 'the checkpoint'],
  [/^\s*update "intercom"."users" set deleted_at/, 'the deletions'],
  [/^\s*update "intercom"."sync_runs" set status = \$1/, 'the end of the run'],
  [/^\s*delete from "intercom"."sync_runs"/, 'the old runs'],
  [/^update "intercom"."sync_leases" set expires_at = clock_timestamp\(\),/, 'the release'],
];

function nameOf({ path, query }: RequestLog): string {
  if (path === '/users') return `the request of ${query.get('sort')}`;
  if (path === '/users/scroll') return 'the request of the scroll';
  return path === '/me' ? 'the request of the app' : 'the request of one user';
}
