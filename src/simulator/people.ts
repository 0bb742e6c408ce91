import { customAttributesOf, detailsOf, locationOf } from './details.ts';
import { makeOdd, type Oddity } from './oddities.ts';
import { diceFrom, fraction, hash } from './random.ts';
import { areaCodes, familyNames, givenNames, mailDomains, userAgents } from './words.ts';

/** A user as the API sends it: an open record, because no key of it but the id is certain. */
export type User = Readonly<Record<string, unknown>>;

export interface People {
  seed: number;
  /** The instant, in unix seconds, which everybody's dates lie before. */
  anchorAt: number;
  appId: string;
  /** Users come first; the leads follow them. */
  users: number;
  leads: number;
  oddities: readonly Oddity[];
}

export interface Times {
  createdAt: number;
  updatedAt: number;
  lastRequestAt: number | null;
  signedUpAt: number | null;
}

const HISTORY_SECONDS = 3 * 365 * 86_400;
/** People imported together share one `created_at`: more of them than fit on a page. */
const IMPORT_SIZE = 75;

/** Everything the table sorts by, without making the rest of the person. */
export function timesOf(people: People, slot: number): Times {
  const { seed, anchorAt } = people;
  const group = Math.floor(slot / IMPORT_SIZE);
  const isImported = hash(seed, group, 10) % 8 === 0;
  const youth = isImported ? fraction(seed, group, 11) : fraction(seed, slot, 12);
  // Squared, so that young users are many and `created_since=1` finds some.
  const createdAt = anchorAt - 1 - Math.floor(youth * youth * HISTORY_SECONDS);
  const age = anchorAt - 1 - createdAt;
  const updatedAt = createdAt + Math.floor(fraction(seed, slot, 13) * age);
  const seenAt = createdAt + Math.floor(fraction(seed, slot, 14) * age);
  return {
    createdAt,
    updatedAt,
    lastRequestAt: hash(seed, slot, 15) % 8 === 0 ? null : asSeenInTheWild(seed, slot, 16, seenAt),
    signedUpAt: hash(seed, slot, 17) % 6 === 0 ? null : asSeenInTheWild(seed, slot, 18, createdAt),
  };
}

/** Once in a few hundred a client of the API wrote milliseconds, or a date before 1970. */
function asSeenInTheWild(seed: number, slot: number, salt: number, seconds: number): number {
  const throwOf = hash(seed, slot, salt) % 400;
  if (throwOf === 0) return seconds * 1000;
  if (throwOf === 1) return -2_208_988_800;
  return seconds;
}

/** 24 hex digits that carry the slot, so that a million of them need no map back. */
export function idOf(people: People, slot: number): string {
  const { seed } = people;
  return hex(hash(seed, slot, 1)) + hex(hash(seed, slot, 2)) + hex((slot ^ maskOf(seed)) >>> 0);
}

/** The slot that an id of ours carries; whoever asks compares the id that he finds there. */
export function slotOf(people: People, id: string): number | undefined {
  if (!/^[0-9a-f]{24}$/.test(id)) return undefined;
  return (Number.parseInt(id.slice(16), 16) ^ maskOf(people.seed)) >>> 0;
}

function maskOf(seed: number): number {
  return hash(seed, 0, 3);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** Several people share an address: a neighbour's, or for a lead that of some user. */
export function emailOf(people: People, slot: number): string | null {
  const { seed, users } = people;
  const isLead = slot >= users && slot < users + people.leads;
  if (isLead && slot % 2 === 0) return emailOf(people, hash(seed, slot, 20) % users);
  if (slot % 40 === 7) return emailOf(people, slot - 1);
  if (hash(seed, slot, 21) % 30 === 0) return null;
  const { given, family } = nameOf(seed, slot);
  const domain = mailDomains[hash(seed, slot, 22) % mailDomains.length] ?? mailDomains[0];
  return `${given[1]}.${family[1]}.${slot}@${domain}`;
}

export function phoneOf(people: People, slot: number): string | null {
  const roll = hash(people.seed, slot, 23);
  if (roll % 5 < 3) return null;
  const area = areaCodes[hash(people.seed, slot, 24) % areaCodes.length] ?? areaCodes[0];
  return `+1${area}55501${String(hash(people.seed, slot, 25) % 100).padStart(2, '0')}`;
}

function nameOf(seed: number, slot: number) {
  return {
    given: givenNames[hash(seed, slot, 26) % givenNames.length] ?? givenNames[0],
    family: familyNames[hash(seed, slot, 27) % familyNames.length] ?? familyNames[0],
  };
}

/** The whole person, its keys in the order in which the API sends them. */
export function personOf(people: People, slot: number): User {
  const { seed, appId } = people;
  const dice = diceFrom(hash(seed, slot, 30));
  const times = timesOf(people, slot);
  const { given, family } = nameOf(seed, slot);
  const isLead = slot >= people.users && slot < people.users + people.leads;
  const details = detailsOf(dice, given[1], slot);
  const person: Record<string, unknown> = {
    type: 'user',
    id: idOf(people, slot),
    user_id: dice.oneIn(6) ? null : `${dice.pick(['', 'ü-', '用户-', 'acct:'])}${slot}`,
    anonymous: isLead,
    email: emailOf(people, slot),
    phone: phoneOf(people, slot),
    name: dice.oneIn(12) ? null : `${given[0]} ${family[0]}`,
    pseudonym: isLead ? `${family[0]} Visitor` : null,
    avatar: { type: 'avatar', image_url: details.avatarUrl },
    app_id: appId,
    companies: { type: 'company.list', companies: details.companies },
    location_data: locationOf(dice),
    last_request_at: times.lastRequestAt,
    created_at: times.createdAt,
    remote_created_at: dice.oneIn(3) ? null : times.signedUpAt,
    signed_up_at: times.signedUpAt,
    updated_at: times.updatedAt,
    session_count: dice.below(200),
    social_profiles: { type: 'social_profile.list', social_profiles: details.socialProfiles },
    owner_id: dice.oneIn(4) ? String(1000 + dice.below(20)) : null,
    unsubscribed_from_emails: dice.oneIn(5),
    marked_email_as_spam: dice.oneIn(50),
    has_hard_bounced: dice.oneIn(40),
    tags: { type: 'tag.list', tags: details.tags },
    segments: { type: 'segment.list', segments: details.segments },
    custom_attributes: customAttributesOf(dice),
    referrer: dice.oneIn(3) ? 'https://www.example.org/search?q=caf%C3%A9' : null,
    utm_campaign: dice.oneIn(6) ? 'spring & summer' : null,
    utm_content: dice.oneIn(9) ? 'banner' : null,
    utm_medium: dice.oneIn(6) ? 'email' : null,
    utm_source: dice.oneIn(6) ? 'newsletter' : null,
    utm_term: dice.oneIn(12) ? 'шифр' : null,
    do_not_track: dice.oneIn(8) ? true : null,
    last_seen_ip: details.ip,
    user_agent_data: dice.oneIn(3) ? null : dice.pick(userAgents),
  };
  if (dice.oneIn(25)) dropKeys(person);
  makeOdd(person, people.oddities, slot);
  return person;
}

/** The reference's own samples of users show a handful of keys only. */
function dropKeys(person: Record<string, unknown>): void {
  const kept = new Set(
    [
      'type id user_id anonymous email phone name app_id last_request_at created_at signed_up_at',
      'updated_at custom_attributes do_not_track has_hard_bounced last_seen_ip',
    ].flatMap((line) => line.split(' ')),
  );
  for (const key of Object.keys(person)) if (!kept.has(key)) delete person[key];
}
