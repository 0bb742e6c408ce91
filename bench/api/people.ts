import { idOf, type People, personOf } from '../../src/simulator/people.ts';

/** Users of Intercom with the same people in them for the API, for COPY and for the rivals. */
const PEOPLE: People = {
  seed: 1,
  // Long past, so that every user was last updated before any run.
  anchorAt: Date.UTC(2025, 0, 1) / 1000,
  appId: 'bench001',
  users: 10_000_000,
  leads: 0,
  oddities: [],
};

/** After so many the same people come again, with other ids. */
export const PEOPLE_MAX = 10_000;
export const APP_ID = PEOPLE.appId;
export const ID_CHARS = 24;
/** Every user's text begins with this, and its id. */
export const BEFORE_ID = '{"type":"user","id":"';

/** The second edition is the first after a while: every user has changed. */
export type Edition = 0 | 1;

/** The JSON texts of the first people, by slot. */
export function makeTexts(count: number, edition: Edition): string[] {
  const slots = Array.from({ length: Math.min(count, PEOPLE_MAX) }, (_, slot) => slot);
  return slots.map((slot) => {
    const person = personOf(PEOPLE, slot);
    const changes = {
      updated_at: Number(person.updated_at) + 3_600 * edition,
      session_count: Number(person.session_count ?? 0) + edition,
    };
    const text = JSON.stringify({ ...person, ...changes });
    if (!text.startsWith(BEFORE_ID + userId(slot))) throw new TypeError('a user begins otherwise');
    return text;
  });
}

/** The whole of a user from the texts of `makeTexts`. */
export function userText(texts: readonly string[], slot: number): string {
  const text = texts[slot % PEOPLE_MAX] ?? '';
  return BEFORE_ID + userId(slot) + text.slice(BEFORE_ID.length + ID_CHARS);
}

/** Neighbours have ids far apart, which costs an index more than ids in their order would. */
export function userId(slot: number): string {
  return idOf(PEOPLE, slot);
}
