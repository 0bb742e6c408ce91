import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import * as pgc from 'drizzle-orm/pg-core';
import type { BenchDatabase } from '../postgres.ts';

/** The columns of `intercom.users`, filled from parsed JSON: what one would write without it. */
const instant = (name: string) => pgc.timestamp(name, { withTimezone: true, mode: 'date' });

const rival = pgc.pgSchema('rival');

export const rivalUsers = rival.table(
  'users',
  {
    workspace: pgc.text('workspace').notNull(),
    id: pgc.text('id').notNull(),
    source: pgc.text('source').notNull(),
    raw: pgc.jsonb('raw').notNull(),
    firstSyncedAt: instant('first_synced_at').notNull(),
    lastChangedAt: instant('last_changed_at').notNull(),
    deletedAt: instant('deleted_at'),
    mergedInto: pgc.text('merged_into'),
    userId: pgc.text('user_id'),
    email: pgc.text('email'),
    phone: pgc.text('phone'),
    name: pgc.text('name'),
    pseudonym: pgc.text('pseudonym'),
    avatarUrl: pgc.text('avatar_url'),
    appId: pgc.text('app_id'),
    ownerId: pgc.text('owner_id'),
    referrer: pgc.text('referrer'),
    utmCampaign: pgc.text('utm_campaign'),
    utmContent: pgc.text('utm_content'),
    utmMedium: pgc.text('utm_medium'),
    utmSource: pgc.text('utm_source'),
    utmTerm: pgc.text('utm_term'),
    lastSeenIp: pgc.text('last_seen_ip'),
    userAgent: pgc.text('user_agent'),
    role: pgc.text('role'),
    locationCity: pgc.text('location_city'),
    locationRegion: pgc.text('location_region'),
    locationCountry: pgc.text('location_country'),
    locationCountryCode: pgc.text('location_country_code'),
    locationContinentCode: pgc.text('location_continent_code'),
    locationPostalCode: pgc.text('location_postal_code'),
    locationTimezone: pgc.text('location_timezone'),
    anonymous: pgc.boolean('anonymous'),
    unsubscribedFromEmails: pgc.boolean('unsubscribed_from_emails'),
    markedEmailAsSpam: pgc.boolean('marked_email_as_spam'),
    hasHardBounced: pgc.boolean('has_hard_bounced'),
    doNotTrack: pgc.boolean('do_not_track'),
    createdAt: instant('created_at'),
    signedUpAt: instant('signed_up_at'),
    updatedAt: instant('updated_at'),
    lastRequestAt: instant('last_request_at'),
    sessionCount: pgc.integer('session_count'),
    locationLatitude: pgc.doublePrecision('location_latitude'),
    locationLongitude: pgc.doublePrecision('location_longitude'),
    customAttributes: pgc.jsonb('custom_attributes'),
  },
  (table) => [pgc.primaryKey({ columns: [table.workspace, table.id] })],
);

export const rivalCheckpoints = rival.table('checkpoints', {
  page: pgc.integer('page').primaryKey(),
  next: pgc.text('next'),
  users: pgc.integer('users').notNull(),
});

/** Every column as it comes; only the first sight of a user stays. */
export function overwriteAll(): Record<string, SQL> {
  const columns = Object.entries(getTableColumns(rivalUsers));
  return Object.fromEntries(
    columns
      .filter(([key]) => !['workspace', 'id', 'firstSyncedAt'].includes(key))
      .map(([key, column]) => [key, sql`excluded.${sql.identifier(column.name)}`]),
  );
}

/** The program's own table, but that its columns are plain: nothing is left to Postgres. */
export async function createRivalTables(database: BenchDatabase): Promise<void> {
  await database.query(`
    create schema rival;
    create table rival.users (like intercom.users);
    alter table rival.users add primary key (workspace, id);
    create table rival.checkpoints (page integer primary key, next text, users integer not null)`);
}
