import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { ChosenUser, UsersWrite } from '../sync/store.ts';
import { instantOf } from './expressions.ts';
import { isRefusedData, translateFault } from './faults.ts';
import { users } from './schema.ts';
import { prepareStatement } from './statement.ts';
import type { Transaction } from './transaction.ts';

export interface UsersOutcome {
  /** The rows that were touched, by id. */
  readonly written: WrittenUsers;
  readonly refused: readonly RefusedUser[];
}

export type WrittenUsers = ReadonlyMap<string, 'inserted' | 'updated'>;

export interface RefusedUser {
  readonly id: string;
  /** The rule that Postgres names, never the value. */
  readonly reason: string;
  readonly payload: string;
}

/** How users are taken: `upsertUsers`, or `classifyUsers` for a preview. */
export type TakeUsers = (tx: Transaction, incoming: IncomingUsers) => Promise<WrittenUsers>;

/** One way through the users of a page, inside a transaction that the caller has opened. */
export type WriteUsers = (tx: Transaction) => Promise<UsersOutcome>;

/**
 * First the page as it came, in one statement. Where Postgres refuses its data the transaction is
 * lost, and `write` is called again with the careful way: the chosen users alone, halved at each
 * refusal until the bad one is by itself.
 */
export async function eitherWay<T>(
  workspace: string,
  page: UsersWrite & { readonly users?: number },
  take: TakeUsers,
  write: (users: WriteUsers) => Promise<T>,
): Promise<T> {
  try {
    return await write((tx) => takePage(tx, workspace, page, take));
  } catch (error) {
    if (!(error instanceof UsersRefused)) throw error;
  }
  return write((tx) => takeByHalves(tx, workspace, page, take));
}

class UsersRefused extends Error {
  override readonly name = 'UsersRefused';
}

async function takePage(
  tx: Transaction,
  workspace: string,
  page: UsersWrite & { readonly users?: number },
  take: TakeUsers,
): Promise<UsersOutcome> {
  const { chosen, body, plausibleUntil } = page;
  if (chosen.length === 0) return { written: new Map(), refused: [] };
  const positions = chosen.length === page.users ? null : chosen.map((user) => user.position);
  try {
    const written = await take(tx, { workspace, body, positions, plausibleUntil });
    return { written, refused: [] };
  } catch (error) {
    throw isRefusedData(translateFault(error)) ? new UsersRefused('users were refused') : error;
  }
}

/**
 * Halves what holds a bad user until that user is by itself, keeps what went well on the way, and
 * goes on with all that is left: nine tries at most for one bad user of a hundred.
 *
 * From the users' own texts and not by position in the body, because one bad user can make the
 * whole of it no JSON to Postgres (a number with a million digits, too many brackets).
 */
async function takeByHalves(
  tx: Transaction,
  workspace: string,
  page: UsersWrite,
  take: TakeUsers,
): Promise<UsersOutcome> {
  const { chosen, plausibleUntil } = page;
  const texts = page.userTexts();
  const written = new Map<string, 'inserted' | 'updated'>();
  const refused: RefusedUser[] = [];
  // All before `from` are done with. Somebody before `bad` is refused: at first, all that is known.
  let from = 0;
  let bad = chosen.length;
  await tx.execute(SAVEPOINT);
  while (from < chosen.length) {
    const to = from < bad ? from + Math.ceil((bad - from) / 2) : chosen.length;
    const some = chosen.slice(from, to).map(({ position }) => textAt(texts, position));
    const body = bodyOf(some);
    const outcome = await takeOrUndo(tx, () =>
      take(tx, { workspace, body, positions: null, plausibleUntil }),
    );
    if (typeof outcome !== 'string') {
      for (const [id, how] of outcome) written.set(id, how);
      from = to;
    } else if (some.length > 1) {
      bad = to;
    } else {
      const { id, position } = chosen[from] as ChosenUser;
      refused.push({ id, reason: `sqlstate ${outcome}`, payload: payloadAt(texts, position) });
      from = to;
    }
  }
  return { written, refused };
}

export interface IncomingUsers {
  readonly workspace: string;
  /** JSON in UTF-8. */
  readonly body: Uint8Array;
  /** By position in `body.users`, from 0; null: all of them. */
  readonly positions: readonly number[] | null;
  readonly plausibleUntil: Date;
}

const WORKSPACE = sql.placeholder('workspace');
const BODY = sql.placeholder('body');
const ORDINALS = sql.placeholder('ordinals');
const PLAUSIBLE_UNTIL = sql`${sql.placeholder('plausibleUntil')}::timestamptz`;

/** A copy without a plausible time never wins over a stored one that has it. */
const IS_OLDER = sql`stored.updated_at <= ${PLAUSIBLE_UNTIL} and (incoming.updated_at is null
  or incoming.updated_at > ${PLAUSIBLE_UNTIL} or incoming.updated_at < stored.updated_at)`;

/**
 * `incoming` beside `stored`, and only those that change something. The others are left out here
 * and not by a condition on the conflict: that would lock each unchanged row and write WAL for it.
 * A row that was deleted and is seen again changes even if its content does not. The limit keeps
 * the planner to the primary key: while a table grows its statistics say that it is small, and for
 * each page all of it would be read.
 */
function changingUsers(which: 'all' | 'some'): SQL {
  return sql`
    from (
      select element as raw, element ->> 'id' as id,
        ${instantOf(sql.raw('element'), 'updated_at')} as updated_at
      from jsonb_array_elements(convert_from(${BODY}, 'UTF8')::jsonb -> 'users') with ordinality as page (element, ordinal)
      ${which === 'all' ? sql`` : sql`where ordinal = any(${ORDINALS}::bigint[])`}
    ) as incoming
    left join lateral (
      select id, raw, updated_at, deleted_at from ${users}
      where workspace = ${WORKSPACE} and id = incoming.id limit 1
    ) as stored on true
    where stored.id is null or stored.deleted_at is not null
      or (stored.raw <> incoming.raw and (${IS_OLDER}) is not true)`;
}

/** Ids, as JSON: the driver takes as long for the rows of a page as this program for its users. */
interface TakenRow {
  readonly inserted: readonly string[];
  readonly updated: readonly string[];
}

const UPSERT = forAllOrSome((changing) =>
  drizzle
    .mock()
    .insert(users)
    .select(
      sql`select ${WORKSPACE}::text, incoming.id, 'users',
        case when ${IS_OLDER} then stored.raw else incoming.raw end,
        now(), now(), null::timestamptz, null::text ${changing}`,
    )
    .onConflictDoUpdate({
      target: [users.workspace, users.id],
      set: {
        source: sql`excluded.source`,
        raw: sql`excluded.raw`,
        lastChangedAt: sql`excluded.last_changed_at`,
        deletedAt: sql`null`,
        mergedInto: sql`null`,
      },
    })
    // A row version that nobody has locked or replaced is one that was not there before.
    .returning({ id: users.id, isNew: sql<boolean>`xmax = 0`.as('is_new') }),
);

/** By the same condition. */
const CLASSIFY = forAllOrSome(
  (changing) => sql`select incoming.id, stored.id is null as is_new ${changing}`,
);

function forAllOrSome(build: (changing: SQL) => SQLWrapper) {
  return {
    all: prepareStatement<TakenRow>(inOneRow(build(changingUsers('all')))),
    some: prepareStatement<TakenRow>(inOneRow(build(changingUsers('some')))),
  };
}

function inOneRow(taking: SQLWrapper): SQL {
  return sql`with taken (id, is_new) as (${taking.getSQL()})
    select coalesce(json_agg(id) filter (where is_new), '[]') as inserted,
      coalesce(json_agg(id) filter (where not is_new), '[]') as updated
    from taken`;
}

export function upsertUsers(tx: Transaction, incoming: IncomingUsers): Promise<WrittenUsers> {
  return takeUsers(tx, incoming, UPSERT);
}

/** What `upsertUsers` would do. */
export function classifyUsers(tx: Transaction, incoming: IncomingUsers): Promise<WrittenUsers> {
  return takeUsers(tx, incoming, CLASSIFY);
}

async function takeUsers(
  tx: Transaction,
  { workspace, body, positions, plausibleUntil }: IncomingUsers,
  statements: typeof UPSERT,
): Promise<WrittenUsers> {
  const take = positions ? statements.some : statements.all;
  const [taken] = await tx.run(
    take({
      workspace,
      body,
      ordinals: positions?.map((position) => position + 1),
      plausibleUntil: plausibleUntil.toISOString(),
    }),
  );
  const written = new Map<string, 'inserted' | 'updated'>();
  for (const id of taken?.inserted ?? []) written.set(id, 'inserted');
  for (const id of taken?.updated ?? []) written.set(id, 'updated');
  return written;
}

const SAVEPOINT = sql`savepoint some_users`;

/** The SQLSTATE when the data is refused; the transaction is then as it was at its last savepoint. */
async function takeOrUndo<T>(tx: Transaction, work: () => Promise<T>): Promise<T | string> {
  try {
    const result = await work();
    // One that is gone back to stays, so only what has been done needs another.
    await tx.execute(SAVEPOINT);
    return result;
  } catch (error) {
    const fault = translateFault(error);
    if (!isRefusedData(fault)) throw error;
    await tx.execute(sql`rollback to savepoint some_users`);
    return fault.sqlstate;
  }
}

export function payloadAt(texts: readonly Uint8Array[], position: number): string {
  return new TextDecoder().decode(textAt(texts, position));
}

function textAt(texts: readonly Uint8Array[], position: number): Uint8Array {
  const text = texts[position];
  if (text === undefined) throw new Error(`there is no user at position ${position}`);
  return text;
}

/** A page of these users alone. By bytes: as text a large page would be held several times over. */
export function bodyOf(texts: readonly Uint8Array[]): Buffer {
  const parts = texts.flatMap((text, at) => (at === 0 ? [text] : [COMMA, text]));
  return Buffer.concat([Buffer.from('{"users":['), ...parts, Buffer.from(']}')]);
}

const COMMA = Buffer.from(',');
