import type { Dice } from './random.ts';
import { companyNames, notes, places, tagNames } from './words.ts';

type Part = Readonly<Record<string, unknown>>;

/** The lists that hang on a person, in each of the forms the API has been seen to send. */
export function detailsOf(dice: Dice, plainName: string, slot: number) {
  return {
    avatarUrl: dice.oneIn(3) ? `https://avatars.example.com/${slot}.png` : null,
    companies: listOf(dice, 2, 'id', () => companyOf(dice)),
    socialProfiles: listOf(dice, 2, 'name', () => socialProfileOf(dice, plainName)),
    tags: listOf(dice, 3, 'id', () => tagOf(dice)),
    segments: listOf(dice, 2, 'id', () => ({ type: 'segment', id: objectId(dice, 12) })),
    ip: dice.pick([null, `192.0.2.${dice.below(256)}`, `2001:db8::${dice.below(9999)}`]),
  };
}

/** Half of the lists are empty; nobody has the same tag, company or profile twice. */
function listOf(dice: Dice, longest: number, key: 'id' | 'name', make: () => Part): object[] {
  if (dice.oneIn(2)) return [];
  const byKey = new Map<unknown, object>();
  for (let count = 1 + dice.below(longest); count > 0; count -= 1) {
    const made = make();
    byKey.set(made[key], made);
  }
  return [...byKey.values()];
}

function companyOf(dice: Dice): Part {
  const number = dice.below(500);
  const id = `5c0${String(number).padStart(21, '0')}`;
  if (dice.oneIn(4)) return { id };
  const name = dice.pick(companyNames);
  const company = { type: 'company', company_id: dice.oneIn(5) ? null : `co-${number}`, id, name };
  if (!dice.oneIn(12)) return company;
  return {
    ...company,
    app_id: 'sim00001',
    plan: { type: 'plan', id: '7', name: 'Scale' },
    monthly_spend: 1249.5,
    user_count: 42,
    session_count: 9001,
    industry: null,
    website: 'https://www.example.com/',
    tags: { type: 'tag.list', tags: [] },
    segments: { type: 'segment.list', segments: [] },
    custom_attributes: { about: 'A company sent in full. '.repeat(20), seats: 12 },
  };
}

function socialProfileOf(dice: Dice, plainName: string): Part {
  const name = dice.pick(['Twitter', 'LinkedIn', 'Facebook']);
  const profile = {
    name,
    id: dice.oneIn(2) ? null : String(dice.below(1_000_000_000)),
    username: dice.oneIn(4) ? null : plainName,
    url: `https://social.example.com/${name.toLowerCase()}/${plainName}`,
  };
  return dice.oneIn(3) ? profile : { type: 'social_profile', ...profile };
}

function tagOf(dice: Dice): Part {
  const number = dice.below(60);
  const tag = { type: 'tag', id: String(17_000 + number) };
  if (dice.oneIn(5)) return tag;
  return { ...tag, name: tagNames[number % tagNames.length] };
}

function objectId(dice: Dice, kinds: number): string {
  return `57b${String(dice.below(kinds)).padStart(21, '0')}`;
}

/** `{}` for many; else each part may be null or empty, the coordinates numbers or strings. */
export function locationOf(dice: Dice): object {
  if (dice.oneIn(4)) return {};
  const place = dice.pick(places);
  const part = (value: string): string | null => {
    const form = dice.below(20);
    return form < 2 ? null : form === 2 ? '' : value;
  };
  const location = {
    type: 'location_data',
    city_name: part(place.city),
    continent_code: part(place.continent),
    country_code: part(place.code),
    country_name: part(place.country),
    postal_code: part(place.postal),
    region_name: part(place.region),
    timezone: part(place.timezone),
  };
  const { latitude, longitude } = place;
  const form = dice.below(4);
  if (form === 0) return location;
  if (form === 1) return { ...location, latitude: String(latitude), longitude: String(longitude) };
  if (form === 2 && dice.oneIn(5)) return { ...location, latitude: null, longitude: null };
  return { ...location, latitude, longitude };
}

/** Attributes of every type: the set is open, and differs from one person to the next. */
export function customAttributesOf(dice: Dice): object {
  if (dice.oneIn(6)) return {};
  const attributes: Record<string, unknown> = { plan: dice.pick(['free', 'pro', 'Größe XL']) };
  if (dice.oneIn(2)) attributes.monthly_spend = dice.below(100_000) / 100;
  if (dice.oneIn(3)) attributes.seats = dice.below(500);
  if (dice.oneIn(3)) attributes.is_admin = dice.oneIn(2);
  if (dice.oneIn(4)) attributes.trial_ends_at = null;
  if (dice.oneIn(4)) attributes.score = -dice.next() / 1000;
  if (dice.oneIn(4)) attributes.note = dice.pick(notes);
  if (dice.oneIn(8)) attributes['Ключ with spaces & "quotes"'] = 'значение';
  if (dice.oneIn(8)) attributes.renewed_at = 1_500_000_000 + dice.below(200_000_000);
  if (dice.oneIn(40)) attributes.biography = 'Long text, twice as long as it need be. '.repeat(40);
  return attributes;
}
