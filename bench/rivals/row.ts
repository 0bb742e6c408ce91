import type { rivalUsers } from './table.ts';

export type WireUser = Readonly<Record<string, unknown>>;
export type RivalRow = typeof rivalUsers.$inferInsert;

/** One parsed user as typed columns. */
export function toRow(user: WireUser, now: Date): RivalRow {
  const avatar = objectOf(user.avatar);
  const place = objectOf(user.location_data);
  return {
    workspace: 'default',
    id: String(user.id),
    source: 'users',
    raw: user,
    firstSyncedAt: now,
    lastChangedAt: now,
    deletedAt: null,
    mergedInto: null,
    userId: textOf(user.user_id),
    email: textOf(user.email),
    phone: textOf(user.phone),
    name: textOf(user.name),
    pseudonym: textOf(user.pseudonym),
    avatarUrl: textOf(avatar.image_url),
    appId: textOf(user.app_id),
    ownerId: textOf(user.owner_id),
    referrer: textOf(user.referrer),
    utmCampaign: textOf(user.utm_campaign),
    utmContent: textOf(user.utm_content),
    utmMedium: textOf(user.utm_medium),
    utmSource: textOf(user.utm_source),
    utmTerm: textOf(user.utm_term),
    lastSeenIp: textOf(user.last_seen_ip),
    userAgent: textOf(user.user_agent_data),
    role: user.anonymous === true ? 'lead' : 'user',
    locationCity: textOf(place.city_name),
    locationRegion: textOf(place.region_name),
    locationCountry: textOf(place.country_name),
    locationCountryCode: textOf(place.country_code),
    locationContinentCode: textOf(place.continent_code),
    locationPostalCode: textOf(place.postal_code),
    locationTimezone: textOf(place.timezone),
    anonymous: booleanOf(user.anonymous),
    unsubscribedFromEmails: booleanOf(user.unsubscribed_from_emails),
    markedEmailAsSpam: booleanOf(user.marked_email_as_spam),
    hasHardBounced: booleanOf(user.has_hard_bounced),
    doNotTrack: booleanOf(user.do_not_track),
    createdAt: instantOf(user.created_at),
    signedUpAt: instantOf(user.signed_up_at),
    updatedAt: instantOf(user.updated_at),
    lastRequestAt: instantOf(user.last_request_at),
    sessionCount: numberOf(user.session_count),
    locationLatitude: numberOf(place.latitude),
    locationLongitude: numberOf(place.longitude),
    customAttributes: user.custom_attributes ?? null,
  };
}

function objectOf(value: unknown): WireUser {
  return typeof value === 'object' && value !== null ? (value as WireUser) : {};
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function booleanOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

function instantOf(value: unknown): Date | null {
  return typeof value === 'number' && Math.abs(value) < 1e10 ? new Date(value * 1000) : null;
}
