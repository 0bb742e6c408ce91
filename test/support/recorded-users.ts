/** Users in the shape of recorded answers of API 1.x, with invented people in them. */
export type WireUser = Readonly<Record<string, unknown>>;

/** Every key that a recorded user has, in its order. */
export function recordedUser(changes: WireUser = {}): WireUser {
  return {
    type: 'user',
    id: '5cc2a7b93e1f4d0a6b8c9d01',
    user_id: '314159',
    anonymous: false,
    email: 'ada@example.com',
    phone: '+1 212 555 0123',
    name: 'Ada Example',
    pseudonym: null,
    avatar: { type: 'avatar', image_url: null },
    app_id: 'exampleapp',
    companies: {
      type: 'company.list',
      companies: [
        { type: 'company', company_id: '12', id: '5cc2a7b93e1f4d0a6b8c9e01', name: 'Example Ltd' },
      ],
    },
    location_data: {},
    last_request_at: 1_556_000_000,
    created_at: 1_550_000_000,
    remote_created_at: 1_550_000_000,
    signed_up_at: 1_550_000_000,
    updated_at: 1_556_000_100,
    session_count: 7,
    social_profiles: { type: 'social_profile.list', social_profiles: [] },
    owner_id: null,
    unsubscribed_from_emails: false,
    marked_email_as_spam: false,
    has_hard_bounced: false,
    tags: { type: 'tag.list', tags: [{ type: 'tag', id: '9', name: 'beta' }] },
    segments: { type: 'segment.list', segments: [] },
    custom_attributes: { plan: 'pro', seats: 3, 'paid?': true, coupon: null },
    referrer: null,
    utm_campaign: null,
    utm_content: null,
    utm_medium: null,
    utm_source: null,
    utm_term: null,
    do_not_track: null,
    last_seen_ip: null,
    user_agent_data: null,
    ...changes,
  };
}

/** As in the reference's samples of lists by e-mail and by phone: only some of the keys. */
export function partialUser(changes: WireUser = {}): WireUser {
  return {
    anonymous: true,
    app_id: 'exampleapp',
    custom_attributes: { plan: 'pro' },
    do_not_track: null,
    email: 'grace@example.com',
    has_hard_bounced: false,
    id: '5cc2a7b93e1f4d0a6b8c',
    last_request_at: 1_556_000_000,
    last_seen_ip: '192.0.2.7',
    ...changes,
  };
}

/** Users with an id and a time and little else, newest first, for lists of thousands. */
export function manyUsers(count: number, newestAtSeconds = 1_700_000_000): WireUser[] {
  return Array.from({ length: count }, (_, index) => ({
    type: 'user',
    id: `u${index}`,
    app_id: 'exampleapp',
    updated_at: newestAtSeconds - index,
  }));
}

/** The reference's sample of the list of all: neither `limited` nor `pages.type`. */
export function sampleOfAll(): object {
  return {
    type: 'user.list',
    total_count: 105,
    users: Array.from({ length: 50 }, (_, index) => recordedUser({ id: `all${index}` })),
    pages: {
      next: 'https://api.intercom.io/users?per_page=50&page=2',
      page: 1,
      per_page: 50,
      total_pages: 3,
    },
  };
}

/** The reference's samples of the lists by e-mail and by phone. */
export function sampleOfThree(key: 'email' | 'phone'): object {
  const shared = key === 'phone' ? { phone: '+1 212 555 0199' } : {};
  return {
    type: 'user.list',
    limited: false,
    pages: { next: null, page: 1, per_page: 50, total_pages: 1, type: 'pages' },
    total_count: 3,
    users: [
      partialUser({ ...shared, id: '5cc2a7b93e1f4d0a6b8c9d0e1' }),
      partialUser({ ...shared, id: '5cc2a7b93e1f4d0a6b8c', anonymous: false }),
      partialUser({ ...shared, id: '5cc2a7b93e1f4d0a6b8c9d03' }),
    ],
  };
}
