import { emailOf, idOf, type People, personOf, phoneOf, slotOf, type User } from './people.ts';

/** Each text is some 1.5 kB: the bound keeps a big table's cache within a few tens of MB. */
const TEXTS_KEPT_MAX = 16_384;

/**
 * Who stands at which slot. People are made from the seed when somebody asks, and only those that
 * were changed are kept, so that a million users fit in little memory.
 */
export class Records {
  readonly #people: People;
  readonly #isGone: boolean[] = [];
  readonly #changed = new Map<number, User>();
  /** Ids that do not carry their slot. */
  readonly #named = new Map<string, number>();
  readonly #texts = new Map<number, string>();

  constructor(people: People) {
    this.#people = people;
  }

  /** How many slots were ever taken. */
  get length(): number {
    return this.#isGone.length;
  }

  isLive(slot: number): boolean {
    return this.#isGone[slot] === false;
  }

  /** Takes the next slot for the person that the seed has for it. */
  add(): number {
    return this.#isGone.push(false) - 1;
  }

  /** The person that the next slot would hold, without any oddity. */
  next(): User {
    return personOf({ ...this.#people, oddities: [] }, this.length);
  }

  put(slot: number, user: User): void {
    this.#changed.set(slot, user);
    this.#texts.delete(slot);
    this.nameIt(slot, user);
  }

  /** Remembers an id that the slot cannot be read from. */
  nameIt(slot: number, user: User): void {
    const { id } = user;
    if (id === undefined || id === null || id === idOf(this.#people, slot)) return;
    this.#named.set(String(id), slot);
  }

  remove(slot: number): void {
    this.#isGone[slot] = true;
    this.#changed.delete(slot);
    this.#texts.delete(slot);
  }

  find(id: string): number | undefined {
    const slot = this.#named.get(id) ?? slotOf(this.#people, id);
    if (slot === undefined || !this.isLive(slot)) return undefined;
    return String(this.userAt(slot).id) === id ? slot : undefined;
  }

  userAt(slot: number): User {
    return this.#changed.get(slot) ?? personOf(this.#people, slot);
  }

  /** The exact JSON text, digit by digit. */
  textAt(slot: number): string {
    const kept = this.#texts.get(slot);
    if (kept !== undefined) return kept;
    const text = JSON.stringify(this.userAt(slot));
    const oldest = this.#texts.size < TEXTS_KEPT_MAX ? undefined : this.#texts.keys().next().value;
    if (oldest !== undefined) this.#texts.delete(oldest);
    this.#texts.set(slot, text);
    return text;
  }

  emailAt(slot: number): unknown {
    return this.#changed.get(slot)?.email ?? this.#unchanged(slot, emailOf);
  }

  phoneAt(slot: number): unknown {
    return this.#changed.get(slot)?.phone ?? this.#unchanged(slot, phoneOf);
  }

  /** Read from the seed alone: a lookup passes over the whole table. */
  #unchanged<T>(slot: number, read: (people: People, slot: number) => T): T | undefined {
    return this.#changed.has(slot) ? undefined : read(this.#people, slot);
  }
}
