import type { Opened } from './opened.ts';

const VIEWS = ['user_tags', 'user_companies', 'user_segments', 'user_social_profiles'];

/** What Postgres makes of these JSON texts; `id` is their position from 1. */
export async function readUsers(
  opened: Opened,
  texts: readonly string[],
): Promise<Record<string, unknown>[]> {
  await opened.rows('truncate intercom.users');
  await opened.rows(
    `insert into intercom.users (workspace, id, source, raw, first_synced_at, last_changed_at)
     select 'default', n, 'users', text::jsonb, now(), now()
     from unnest($1::text[]) with ordinality as item (text, n)`,
    [texts],
  );
  for (const view of VIEWS) await opened.rows(`select * from intercom.${view}`);
  return opened.rows('select * from intercom.users order by id::bigint');
}

export const seconds = (at: number) => new Date(at * 1000);

// Every key of a recorded answer of REST 1.x, with values of our own.
export const USER = {
  type: 'user',
  id: '5bc8f7ae2d96695c18a98d23',
  user_id: 'crm-77',
  anonymous: false,
  email: 'ada@example.org',
  phone: '+4930123456',
  name: 'Ada Example',
  pseudonym: 'Teal Submarine from Ulm',
  avatar: { type: 'avatar', image_url: 'https://img.example.org/ada.png' },
  app_id: 'abc123',
  companies: {
    type: 'company.list',
    companies: [
      { type: 'company', company_id: 'c-1', id: '5bbf5c1d', name: 'Example Ltd' },
      { id: '5bbf5c1e' },
    ],
  },
  location_data: {
    type: 'location_data',
    city_name: 'Ulm',
    continent_code: 'EU',
    country_code: 'DEU',
    country_name: 'Germany',
    postal_code: '89073',
    region_name: 'Baden-Württemberg',
    timezone: 'Europe/Berlin',
    latitude: 48.398400123456,
    longitude: '9.9916',
  },
  last_request_at: 1539897610,
  created_at: 1539897600,
  remote_created_at: 1539897500,
  signed_up_at: -86400,
  updated_at: 1539897620,
  session_count: 12,
  social_profiles: {
    type: 'social_profile.list',
    social_profiles: [
      {
        type: 'social_profile',
        name: 'Mastodon',
        id: null,
        username: 'ada',
        url: 'https://m.example.org/@ada',
      },
    ],
  },
  owner_id: null,
  unsubscribed_from_emails: false,
  marked_email_as_spam: true,
  has_hard_bounced: false,
  tags: {
    type: 'tag.list',
    tags: [
      { type: 'tag', id: '17', name: 'beta' },
      { type: 'tag', id: '18' },
    ],
  },
  segments: { type: 'segment.list', segments: [{ type: 'segment', id: '5bc8' }] },
  custom_attributes: { plan: 'pro', seats: 3 },
  referrer: 'https://search.example.org',
  utm_campaign: 'spring',
  utm_content: 'blue',
  utm_medium: 'mail',
  utm_source: 'letter',
  utm_term: 'crm',
  do_not_track: null,
  last_seen_ip: '192.0.2.7',
  user_agent_data: 'Mozilla/5.0 (X11)',
};

// The keys of a contact of REST 2.16.
export const CONTACT = {
  type: 'contact',
  id: '5ba682d23d7cf92bef87bfd4',
  external_id: 'crm-78',
  workspace_id: 'abc123',
  role: 'lead',
  email: 'bob@example.org',
  phone: null,
  name: 'Bob Example',
  avatar: 'https://img.example.org/bob.png',
  owner_id: 321,
  social_profiles: {
    type: 'list',
    data: [{ type: 'social_profile', name: 'Mastodon', url: 'https://m.example.org/@bob' }],
  },
  has_hard_bounced: true,
  marked_email_as_spam: false,
  unsubscribed_from_emails: true,
  created_at: 1571672154,
  updated_at: 1571672155,
  signed_up_at: null,
  last_seen_at: 1571672156,
  last_replied_at: 1571672157,
  location: {
    type: 'location',
    country: 'Ireland',
    region: 'Leinster',
    city: 'Dublin',
    country_code: 'IRL',
    continent_code: 'EU',
  },
  custom_attributes: {},
  tags: {
    type: 'list',
    data: [{ type: 'tag', id: '93', url: '/tags/93' }],
    url: '/contacts/x/tags',
    total_count: 1,
    has_more: false,
  },
  companies: {
    type: 'list',
    data: [{ id: '63a0', type: 'company', url: '/companies/63a0' }],
    total_count: 1,
    has_more: false,
  },
  referrer: null,
  utm_campaign: null,
};
