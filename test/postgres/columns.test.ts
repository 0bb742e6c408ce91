import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Opened, openTestStore } from './opened.ts';
import { CONTACT, readUsers, seconds, USER } from './recorded.ts';

let opened: Opened;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(() => opened.close());

const read = (texts: readonly string[]) => readUsers(opened, texts);
const readOne = async (user: object) => (await read([JSON.stringify(user)]))[0] ?? {};

describe('the columns of a user', () => {
  test('read the shape of REST 1.x', async () => {
    expect(await readOne(USER)).toMatchObject({
      user_id: 'crm-77',
      anonymous: false,
      role: 'user',
      email: 'ada@example.org',
      phone: '+4930123456',
      name: 'Ada Example',
      pseudonym: 'Teal Submarine from Ulm',
      avatar_url: 'https://img.example.org/ada.png',
      app_id: 'abc123',
      location_city: 'Ulm',
      location_continent_code: 'EU',
      location_country_code: 'DEU',
      location_country: 'Germany',
      location_postal_code: '89073',
      location_region: 'Baden-Württemberg',
      location_timezone: 'Europe/Berlin',
      location_latitude: 48.398400123456,
      location_longitude: 9.9916,
      last_request_at: seconds(1539897610),
      created_at: seconds(1539897600),
      signed_up_at: seconds(-86400),
      updated_at: seconds(1539897620),
      session_count: 12,
      owner_id: null,
      unsubscribed_from_emails: false,
      marked_email_as_spam: true,
      has_hard_bounced: false,
      custom_attributes: { plan: 'pro', seats: 3 },
      referrer: 'https://search.example.org',
      utm_campaign: 'spring',
      utm_content: 'blue',
      utm_medium: 'mail',
      utm_source: 'letter',
      utm_term: 'crm',
      do_not_track: null,
      last_seen_ip: '192.0.2.7',
      user_agent: 'Mozilla/5.0 (X11)',
      deleted_at: null,
      merged_into: null,
    });
  });

  test('read the shape of REST 2.x', async () => {
    expect(await readOne(CONTACT)).toMatchObject({
      user_id: 'crm-78',
      anonymous: true,
      role: 'lead',
      app_id: 'abc123',
      avatar_url: 'https://img.example.org/bob.png',
      owner_id: '321',
      has_hard_bounced: true,
      unsubscribed_from_emails: true,
      location_city: 'Dublin',
      location_region: 'Leinster',
      location_country: 'Ireland',
      location_country_code: 'IRL',
      location_continent_code: 'EU',
      last_request_at: seconds(1571672156),
      session_count: null,
      pseudonym: null,
      signed_up_at: null,
      custom_attributes: {},
    });
    expect(await readOne({ ...CONTACT, role: 'user', avatar: null, owner_id: '9' })).toMatchObject({
      anonymous: false,
      avatar_url: null,
      owner_id: '9',
    });
    expect(await readOne({ ...CONTACT, avatar: { type: 'avatar', image_url: 'u' } })).toMatchObject(
      {
        avatar_url: 'u',
      },
    );
  });

  test('are null where keys are missing', async () => {
    const { workspace, id, source, raw, first_synced_at, last_changed_at, ...others } =
      await readOne({ id: 'x' });
    expect(Object.values(others).every((value) => value === null)).toBe(true);
    expect(Object.keys(others)).toHaveLength(39);
  });
});

describe('the views', () => {
  test('read both shapes, and live users alone', async () => {
    await read([JSON.stringify(USER), JSON.stringify(CONTACT), JSON.stringify(USER)]);
    await opened.rows(`update intercom.users set deleted_at = now() where id = '3'`);
    const all = (view: string) => opened.rows(`select * from intercom.${view} order by 2, 3`);
    const who = (user_id: string) => ({ workspace: 'default', user_id });
    expect(await all('user_tags')).toEqual([
      { ...who('1'), tag_id: '17', name: 'beta' },
      { ...who('1'), tag_id: '18', name: null },
      { ...who('2'), tag_id: '93', name: null },
    ]);
    expect(await all('user_companies')).toEqual([
      { ...who('1'), company_id: '5bbf5c1d', company_external_id: 'c-1', name: 'Example Ltd' },
      { ...who('1'), company_id: '5bbf5c1e', company_external_id: null, name: null },
      { ...who('2'), company_id: '63a0', company_external_id: null, name: null },
    ]);
    expect(await all('user_segments')).toEqual([{ ...who('1'), segment_id: '5bc8', name: null }]);
    expect(await all('user_social_profiles')).toEqual([
      {
        ...who('1'),
        network: 'Mastodon',
        profile_id: null,
        username: 'ada',
        url: 'https://m.example.org/@ada',
      },
      {
        ...who('2'),
        network: 'Mastodon',
        profile_id: null,
        username: null,
        url: 'https://m.example.org/@bob',
      },
    ]);
  });

  test('pass over what is no list and no object', async () => {
    await read([
      '{"tags":[]}',
      '{"tags":"x"}',
      '{"tags":{"tags":{}}}',
      '{"tags":{"tags":null,"data":3}}',
      '{"tags":{"tags":[null,1,"a",[],[{"id":"no"}],{"id":{"a":1},"name":[1]},{"id":5,"name":"five"}]}}',
    ]);
    expect(await opened.rows('select tag_id, name from intercom.user_tags order by 1')).toEqual([
      { tag_id: '5', name: 'five' },
      { tag_id: null, name: null },
    ]);
  });
});
