import { oddityAt } from './oddities.ts';
import { type Order, type Rows, rowsFrom, type Sort, SortedIndex, sorts } from './order.ts';
import { type People, timesOf, type User } from './people.ts';
import { Records } from './records.ts';

export interface Selection {
  sort: Sort;
  order: Order;
  /** Only users created at this unix second or later. */
  createdFrom?: number | undefined;
  /** Only users with this address; leads too. */
  email?: string | undefined;
  phone?: string | undefined;
  /** By how much the index of `updated_at` is behind the rows. */
  indexLagMs?: number;
}

/** Rows as they were at one instant, whatever becomes of them. */
export interface Snapshot {
  readonly length: number;
  users(from: number, to: number): User[];
  release(): void;
}

/** The live table: it is changed while it is read. A row is known by its slot number. */
export class Workspace {
  readonly #records: Records;
  readonly #clock: () => Date;
  readonly #columns: Record<Sort, number[]> = {
    created_at: [],
    last_request_at: [],
    signed_up_at: [],
    updated_at: [],
  };
  readonly #isLead: boolean[] = [];
  readonly #indexes = new Map<Sort, SortedIndex>();
  /** Changes that the index of `updated_at` has not seen yet. */
  #unindexed: { slot: number; updatedAt: number; atMs: number }[] = [];
  readonly #snapshots = new Set<Map<number, User>>();
  #size: number;

  constructor(people: People, clock: () => Date) {
    this.#records = new Records(people);
    this.#clock = clock;
    this.#size = people.users;
    for (let slot = 0; slot < people.users + people.leads; slot += 1) {
      this.#records.add();
      const times = timesOf(people, slot);
      this.#columns.created_at.push(times.createdAt);
      this.#columns.updated_at.push(times.updatedAt);
      this.#columns.last_request_at.push(times.lastRequestAt ?? Number.NaN);
      this.#columns.signed_up_at.push(times.signedUpAt ?? Number.NaN);
      this.#isLead.push(slot >= people.users);
      if (oddityAt(people.oddities, slot) === undefined) continue;
      this.#readColumns(slot, this.userAt(slot));
      this.#records.nameIt(slot, this.userAt(slot));
    }
  }

  /** How many users the list of all holds: leads are not in it. */
  get size(): number {
    return this.#size;
  }

  /** Every live user, leads excluded, those of the seed first. */
  users(): User[] {
    return this.#slots((slot) => this.#isListed(slot)).map((slot) => this.userAt(slot));
  }

  leads(): User[] {
    return this.#slots((slot) => !this.#isListed(slot)).map((slot) => this.userAt(slot));
  }

  get(id: string): User | undefined {
    const slot = this.#records.find(id);
    return slot === undefined ? undefined : this.userAt(slot);
  }

  /** The exact JSON text that the API sends for this user. */
  text(id: string): string | undefined {
    const slot = this.#records.find(id);
    return slot === undefined ? undefined : this.textAt(slot);
  }

  /** A person of the seed, born now, with these keys put over it; undefined leaves a key out. */
  create(fields: User = {}): User {
    this.#index('updated_at');
    const now = this.#seconds();
    const born = { created_at: now, signed_up_at: now, updated_at: now, last_request_at: null };
    const user = merge(this.#records.next(), { ...born, ...fields });
    const slot = this.#records.add();
    this.#records.put(slot, user);
    this.#readColumns(slot, user);
    this.#size += Number(this.#isListed(slot));
    this.#reindex(slot);
    return user;
  }

  /** Changes a user; `touch: false` is a change that does not move `updated_at`. */
  update(id: string, change: User, { touch = true }: { touch?: boolean } = {}): User {
    const slot = this.#require(id);
    if ('id' in change && change.id !== id) throw new Error('The id of a user never changes.');
    this.#index('updated_at');
    this.#preserve(slot);
    this.#size -= Number(this.#isListed(slot));
    const touched = touch ? { updated_at: this.#seconds() } : {};
    const user = merge(this.userAt(slot), { ...touched, ...change });
    this.#records.put(slot, user);
    this.#readColumns(slot, user);
    this.#size += Number(this.#isListed(slot));
    this.#reindex(slot);
    return user;
  }

  /** Users that are deleted simply stop appearing. */
  delete(id: string): void {
    const slot = this.#require(id);
    this.#preserve(slot);
    this.#size -= Number(this.#isListed(slot));
    this.#records.remove(slot);
    this.#unindexed = this.#unindexed.filter((entry) => entry.slot !== slot);
    for (const index of this.#indexes.values()) index.remove(slot);
  }

  /** The id of some live user, chosen by a fraction in [0, 1). */
  anyId(choice: number): string | undefined {
    const { length } = this.#records;
    for (let step = 0; step < length; step += 1) {
      const slot = (Math.floor(choice * length) + step) % length;
      const id = this.#isListed(slot) ? this.userAt(slot).id : undefined;
      if (typeof id === 'string' && id !== '') return id;
    }
    return undefined;
  }

  select(selection: Selection): Rows {
    const { sort, order, createdFrom, email, phone } = selection;
    if (email !== undefined) return this.#lookup((slot) => this.#records.emailAt(slot) === email);
    if (phone !== undefined) return this.#lookup((slot) => this.#records.phoneAt(slot) === phone);
    if (sort === 'updated_at') this.#catchUp(selection.indexLagMs ?? 0);
    const index = this.#index(sort);
    if (createdFrom === undefined) return index.rows(order);
    if (sort === 'created_at') return index.rowsSince(createdFrom, order);
    const rows = index.rows(order);
    const slots: number[] = [];
    for (let position = 0; position < rows.length; position += 1) {
      const slot = rows.at(position);
      if ((this.#columns.created_at[slot] ?? 0) >= createdFrom) slots.push(slot);
    }
    return rowsFrom(slots, (slot) => this.#columns[sort][slot] ?? Number.NaN);
  }

  userAt(slot: number): User {
    return this.#records.userAt(slot);
  }

  textAt(slot: number): string {
    return this.#records.textAt(slot);
  }

  snapshot(): Snapshot {
    const slots = this.#slots((slot) => this.#isListed(slot));
    const before = new Map<number, User>();
    this.#snapshots.add(before);
    return {
      length: slots.length,
      users: (from, to) =>
        slots.slice(from, to).map((slot) => before.get(slot) ?? this.userAt(slot)),
      release: () => this.#snapshots.delete(before),
    };
  }

  #slots(isWanted: (slot: number) => boolean): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#records.length; slot += 1) {
      if (this.#records.isLive(slot) && isWanted(slot)) slots.push(slot);
    }
    return slots;
  }

  #isListed(slot: number): boolean {
    return this.#records.isLive(slot) && this.#isLead[slot] !== true;
  }

  #lookup(isWanted: (slot: number) => boolean): Rows {
    const createdAt = this.#columns.created_at;
    const found = this.#slots(isWanted);
    found.sort((a, b) => (createdAt[b] ?? 0) - (createdAt[a] ?? 0) || b - a);
    return rowsFrom(found, (slot) => createdAt[slot] ?? Number.NaN);
  }

  #require(id: string): number {
    const slot = this.#records.find(id);
    if (slot === undefined) throw new Error(`The workspace holds no user ${id}.`);
    return slot;
  }

  /** Whoever reads a snapshot sees the row as it was when the snapshot was taken. */
  #preserve(slot: number): void {
    for (const before of this.#snapshots) {
      if (!before.has(slot)) before.set(slot, this.userAt(slot));
    }
  }

  #readColumns(slot: number, user: User): void {
    for (const sort of sorts) {
      const time = user[sort];
      this.#columns[sort][slot] = typeof time === 'number' ? time : Number.NaN;
    }
    this.#isLead[slot] = user.anonymous === true;
  }

  /** All indexes follow at once, but for that of `updated_at`, which may be behind. */
  #reindex(slot: number): void {
    for (const [sort, index] of this.#indexes) {
      if (sort !== 'updated_at') this.#putIn(index, slot, this.#columns[sort][slot]);
    }
    const updatedAt = this.#columns.updated_at[slot] ?? Number.NaN;
    this.#unindexed.push({ slot, updatedAt, atMs: this.#clock().getTime() });
  }

  #catchUp(lagMs: number): void {
    const index = this.#index('updated_at');
    const seenUntilMs = this.#clock().getTime() - lagMs;
    const due = this.#unindexed.findIndex((entry) => entry.atMs > seenUntilMs);
    const count = due === -1 ? this.#unindexed.length : due;
    for (const { slot, updatedAt } of this.#unindexed.splice(0, count)) {
      this.#putIn(index, slot, updatedAt);
    }
  }

  #putIn(index: SortedIndex, slot: number, key = Number.NaN): void {
    if (this.#isListed(slot)) index.put(slot, key);
    else index.remove(slot);
  }

  #index(sort: Sort): SortedIndex {
    const kept = this.#indexes.get(sort);
    if (kept !== undefined) return kept;
    const column = this.#columns[sort];
    const slots = this.#slots((slot) => this.#isListed(slot));
    const index = new SortedIndex(slots, (slot) => column[slot] ?? Number.NaN);
    this.#indexes.set(sort, index);
    return index;
  }

  #seconds(): number {
    return Math.floor(this.#clock().getTime() / 1000);
  }
}

/** The user's keys in their order, then those that the change brings. */
function merge(user: User, change: User): User {
  const merged: Record<string, unknown> = { ...user, ...change };
  for (const [key, value] of Object.entries(merged)) if (value === undefined) delete merged[key];
  return Object.freeze(merged);
}
