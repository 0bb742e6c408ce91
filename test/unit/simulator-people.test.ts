import { describe, expect, test } from 'vitest';
import { exactNumber, type Oddity, oddities } from '../../src/simulator/oddities.ts';
import type { User } from '../../src/simulator/people.ts';
import { NOON, open, readList, visit } from './simulator-visit.ts';

const MANY = 3_000;

async function people(options: Parameters<typeof open>[0] = {}): Promise<User[]> {
  const simulator = await open({ users: MANY, ...options });
  return simulator.workspace.users();
}

describe('people made from a seed', () => {
  test('are the same byte for byte for one seed and anchor', async () => {
    const anchorAt = NOON;
    const one = JSON.stringify(await people({ seed: 7, anchorAt }));
    expect(JSON.stringify(await people({ seed: 7, anchorAt }))).toBe(one);
    expect(JSON.stringify(await people({ seed: 8, anchorAt }))).not.toBe(one);
  });

  test('are the same on one day when no anchor is given', async () => {
    const text = async (at: string) => JSON.stringify(await people({ now: () => new Date(at) }));
    const morning = await text('2026-03-02T00:00:00Z');
    expect(await text('2026-03-02T23:59:59Z')).toBe(morning);
    expect(await text('2026-03-03T00:00:00Z')).not.toBe(morning);
  });

  test('have ids of 24 hex digits, each of them once', async () => {
    const seen = (await people()).map((user) => String(user.id));
    expect(new Set(seen).size).toBe(MANY);
    for (const id of seen) expect(id).toMatch(/^[0-9a-f]{24}$/);
  });

  test('can be neither mailed nor called', async () => {
    for (const { email, phone } of await people()) {
      if (email !== null) expect(email).toMatch(/@example\.(com|org|net)$/);
      if (phone !== null) expect(phone).toMatch(/^\+1\d{3}55501\d\d$/);
    }
  });

  test.each([
    ...['user_id', 'email', 'name', 'phone', 'pseudonym', 'last_request_at', 'signed_up_at'],
    ...['remote_created_at', 'owner_id', 'referrer', 'utm_campaign', 'utm_content', 'utm_medium'],
    ...['utm_source', 'utm_term', 'do_not_track', 'last_seen_ip', 'user_agent_data'],
  ])('have null for %s, some of them', async (key) => {
    expect((await people()).some((user) => user[key] === null)).toBe(true);
  });

  test('have a created_at and an updated_at before the anchor, in whole seconds', async () => {
    const anchorAt = NOON.getTime() / 1000;
    for (const user of await people({ anchorAt: NOON })) {
      const [created, updated] = [Number(user.created_at), Number(user.updated_at)];
      expect(Number.isInteger(created) && Number.isInteger(updated)).toBe(true);
      expect(created <= updated && updated < anchorAt).toBe(true);
    }
  });

  test('share their created_at with more people than a page holds', async () => {
    const counts = new Map<unknown, number>();
    for (const { created_at: at } of await people()) counts.set(at, (counts.get(at) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeGreaterThan(60);
  });

  test('have had milliseconds and years before 1970 written into their dates', async () => {
    const seen = (await people()).map((user) => Number(user.last_request_at));
    expect(seen.some((time) => time > 1e12)).toBe(true);
    expect(seen.some((time) => time < 0)).toBe(true);
  });

  test('have every form of location', async () => {
    const places = (await people()).map((user) => user.location_data as User | undefined);
    const coordinates = places.map((place) => place?.latitude);
    expect(places.some((place) => place && Object.keys(place).length === 0)).toBe(true);
    expect(coordinates.some((latitude) => typeof latitude === 'string')).toBe(true);
    expect(coordinates.some((latitude) => typeof latitude === 'number')).toBe(true);
    expect(coordinates.some((latitude) => latitude === null)).toBe(true);
    expect(places.some((place) => place?.city_name === null)).toBe(true);
    expect(places.some((place) => place?.postal_code === '')).toBe(true);
  });

  test('have every form of company, tag, segment and social profile', async () => {
    const parts = (list: string, key: string) =>
      people().then((users) =>
        users.flatMap((user) => ((user[list] as User | undefined)?.[key] ?? []) as User[]),
      );
    const companies = await parts('companies', 'companies');
    expect(companies.some((company) => Object.keys(company).join() === 'id')).toBe(true);
    expect(companies.some((company) => 'custom_attributes' in company)).toBe(true);
    const tags = await parts('tags', 'tags');
    expect(tags.some((tag) => !('name' in tag))).toBe(true);
    expect(tags.some((tag) => 'name' in tag)).toBe(true);
    expect((await parts('segments', 'segments'))[0]).toHaveProperty('type', 'segment');
    const profiles = await parts('social_profiles', 'social_profiles');
    expect(profiles.some((profile) => !('type' in profile))).toBe(true);
    expect(profiles.some((profile) => profile.id === null)).toBe(true);
  });

  test('have custom attributes of every type', async () => {
    const values = (await people()).flatMap((user) =>
      Object.values(user.custom_attributes as object),
    );
    const types = new Set(values.map((value) => (value === null ? 'null' : typeof value)));
    expect([...types].sort()).toEqual(['boolean', 'null', 'number', 'string']);
    expect(values.some((value) => typeof value === 'number' && !Number.isInteger(value))).toBe(
      true,
    );
    expect(values.some((value) => typeof value === 'string' && value.includes('\n'))).toBe(true);
    expect(values.some((value) => typeof value === 'string' && value.includes('\u2028'))).toBe(
      true,
    );
  });

  test('are all fit for a table of users unless oddities are asked for', async () => {
    for (const user of await people()) {
      expect(JSON.stringify(user)).not.toMatch(/(?<!\\)(\\\\)*\\u(0000|d[89a-f])/);
    }
  });
});

describe('oddities', () => {
  async function odd(kind: Oddity): Promise<{ users: User[]; text: string }> {
    const simulator = await open({ users: 20, oddities: [kind] });
    const users = (await readList(simulator)).flatMap((page) => page.users);
    return { users, text: (await visit(simulator, '/users')).text };
  }

  test('are one user in ten', async () => {
    expect((await odd('empty-id')).users.filter((user) => user.id === '')).toHaveLength(2);
  });

  test('are of all kinds when no kind is named', async () => {
    const users = await people({ users: 10 * oddities.length, oddities: true });
    expect(users.filter((user) => !('id' in user))).toHaveLength(1);
    expect(users.filter((user) => user.id === null)).toHaveLength(1);
    expect(users.filter((user) => typeof user.id === 'number')).toHaveLength(1);
    expect(users.filter((user) => String(user.id).length === 255)).toHaveLength(1);
  });

  test('send ids that are missing, null, numbers, too long and there twice', async () => {
    expect((await odd('missing-id')).users.some((user) => !('id' in user))).toBe(true);
    expect((await odd('null-id')).users.some((user) => user.id === null)).toBe(true);
    expect((await odd('number-id')).users.some((user) => typeof user.id === 'number')).toBe(true);
    expect((await odd('long-id')).users.some((user) => String(user.id).length === 255)).toBe(true);
    const twice = (await odd('duplicate-id')).users.map((user) => user.id);
    expect(new Set(twice).size).toBe(19);
  });

  test('send U+0000 and half surrogates as escapes', async () => {
    expect((await odd('nul')).text).toContain('"before\\u0000after"');
    expect((await odd('lone-surrogate')).text).toContain('"half an emoji \\ud83d"');
  });

  test('send numbers that no JavaScript number holds, digit by digit', async () => {
    expect((await odd('big-number')).text).toContain('"past_2_to_53":9007199254740993,');
    const { text } = await odd('thirty-digits');
    expect(text).toContain('"digits":123456789012345678901234567890,');
    expect(text).toContain('"fraction":0.100000000000000000000000000001}');
  });

  test('send times in milliseconds and before the common era', async () => {
    const late = (await odd('millisecond-times')).users;
    expect(late.some((user) => Number(user.signed_up_at) > 1e12)).toBe(true);
    const early = (await odd('negative-times')).users;
    expect(early.some((user) => Number(user.signed_up_at) < -6e10)).toBe(true);
  });

  test('send an object where text belongs', async () => {
    const { users } = await odd('object-for-text');
    expect(users.some((user) => typeof user.name === 'object' && user.name !== null)).toBe(true);
  });

  test('are found by their long ids', async () => {
    const simulator = await open({ users: 20, oddities: ['long-id'] });
    const long = simulator.workspace.users().find((user) => String(user.id).length === 255);
    expect((await visit(simulator, `/users/${long?.id}`)).status).toBe(200);
  });

  test('are not found by the id that they would have had', async () => {
    const even = await open({ users: 20 });
    const id = String(even.workspace.users()[3]?.id);
    expect((await visit(even, `/users/${id}`)).status).toBe(200);
    const simulator = await open({ users: 20, oddities: ['number-id'] });
    expect((await visit(simulator, `/users/${id}`)).status).toBe(404);
    expect((await visit(simulator, '/users/100003')).status).toBe(200);
  });

  test('are made by a test too', async () => {
    const simulator = await open({ users: 0 });
    simulator.workspace.create({ id: undefined, custom_attributes: { n: exactNumber('1.10') } });
    const { text, page } = await visit(simulator, '/users');
    expect(page.users[0]).not.toHaveProperty('id');
    expect(text).toContain('"custom_attributes":{"n":1.10}');
  });
});
