import { type SQL, sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { RunMode, RunStatus } from '../sync/store.ts';
import {
  arrayOf,
  booleanOf,
  degreesOf,
  firstOf,
  idOf,
  instantOf,
  integerOf,
  member,
  objectOf,
  textOf,
} from './expressions.ts';

export const intercom = pgSchema('intercom');

const RAW = sql.raw('raw');
// REST 1.x says `location_data`, 2.x says `location`.
const LOCATION_1 = member(RAW, 'location_data');
const LOCATION_2 = member(RAW, 'location');

/**
 * The users. Every column that is generated reads both shapes, users of REST 1.x and contacts of
 * 2.x; what does not fit its type is null there and kept in `raw`.
 *
 * The primary key is the only index: each further one is paid for by every user of every page,
 * while this table is read by scans and joins on `id`. Whoever looks users up by something else
 * can add an index of their own; no migration of ours will drop it.
 */
export const users = intercom.table(
  'users',
  {
    workspace: text('workspace').notNull(),
    id: text('id').notNull(),
    source: text('source').$type<'users' | 'contacts'>().notNull(),
    raw: jsonb('raw').notNull(),
    firstSyncedAt: instant('first_synced_at').notNull(),
    lastChangedAt: instant('last_changed_at').notNull(),
    deletedAt: instant('deleted_at'),
    mergedInto: text('merged_into'),

    userId: textColumn('user_id', firstOf(idOf(RAW, 'user_id'), idOf(RAW, 'external_id'))),
    email: textColumn('email', textOf(RAW, 'email')),
    phone: textColumn('phone', textOf(RAW, 'phone')),
    name: textColumn('name', textOf(RAW, 'name')),
    pseudonym: textColumn('pseudonym', textOf(RAW, 'pseudonym')),
    avatarUrl: textColumn(
      'avatar_url',
      firstOf(textOf(member(RAW, 'avatar'), 'image_url'), textOf(RAW, 'avatar')),
    ),
    appId: textColumn('app_id', firstOf(textOf(RAW, 'app_id'), textOf(RAW, 'workspace_id'))),
    ownerId: textColumn('owner_id', idOf(RAW, 'owner_id')),
    referrer: textColumn('referrer', textOf(RAW, 'referrer')),
    utmCampaign: textColumn('utm_campaign', textOf(RAW, 'utm_campaign')),
    utmContent: textColumn('utm_content', textOf(RAW, 'utm_content')),
    utmMedium: textColumn('utm_medium', textOf(RAW, 'utm_medium')),
    utmSource: textColumn('utm_source', textOf(RAW, 'utm_source')),
    utmTerm: textColumn('utm_term', textOf(RAW, 'utm_term')),
    lastSeenIp: textColumn('last_seen_ip', textOf(RAW, 'last_seen_ip')),
    userAgent: textColumn('user_agent', textOf(RAW, 'user_agent_data')),
    // 1.x tells leads by `anonymous` alone, 2.x by `role` alone.
    role: textColumn(
      'role',
      firstOf(
        textOf(RAW, 'role'),
        sql`case ${booleanOf(RAW, 'anonymous')} when true then 'lead' when false then 'user' end`,
      ),
    ),
    locationCity: locationColumn('location_city', 'city_name', 'city'),
    locationRegion: locationColumn('location_region', 'region_name', 'region'),
    locationCountry: locationColumn('location_country', 'country_name', 'country'),
    locationCountryCode: locationColumn('location_country_code', 'country_code', 'country_code'),
    locationContinentCode: locationColumn(
      'location_continent_code',
      'continent_code',
      'continent_code',
    ),
    locationPostalCode: locationColumn('location_postal_code', 'postal_code', 'postal_code'),
    locationTimezone: locationColumn('location_timezone', 'timezone', 'timezone'),

    anonymous: boolean('anonymous').generatedAlwaysAs(
      firstOf(
        booleanOf(RAW, 'anonymous'),
        sql`case ${textOf(RAW, 'role')} when 'lead' then true when 'user' then false end`,
      ),
    ),
    unsubscribedFromEmails: booleanColumn('unsubscribed_from_emails'),
    markedEmailAsSpam: booleanColumn('marked_email_as_spam'),
    hasHardBounced: booleanColumn('has_hard_bounced'),
    doNotTrack: booleanColumn('do_not_track'),

    createdAt: instant('created_at').generatedAlwaysAs(instantOf(RAW, 'created_at')),
    signedUpAt: instant('signed_up_at').generatedAlwaysAs(instantOf(RAW, 'signed_up_at')),
    updatedAt: instant('updated_at').generatedAlwaysAs(instantOf(RAW, 'updated_at')),
    lastRequestAt: instant('last_request_at').generatedAlwaysAs(
      firstOf(instantOf(RAW, 'last_request_at'), instantOf(RAW, 'last_seen_at')),
    ),

    sessionCount: integer('session_count').generatedAlwaysAs(integerOf(RAW, 'session_count')),
    locationLatitude: degreesColumn('location_latitude', 'latitude'),
    locationLongitude: degreesColumn('location_longitude', 'longitude'),
    customAttributes: jsonb('custom_attributes').generatedAlwaysAs(
      objectOf(RAW, 'custom_attributes'),
    ),
  },
  (table) => [primaryKey({ columns: [table.workspace, table.id] })],
);

export const workspaces = intercom.table('workspaces', {
  workspace: text('workspace').primaryKey(),
  appId: text('app_id'),
  watermark: instant('watermark'),
  watermarkRunId: bigint('watermark_run_id', { mode: 'bigint' }),
});

export const syncRuns = intercom.table(
  'sync_runs',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    workspace: text('workspace').notNull(),
    mode: text('mode').$type<RunMode>().notNull(),
    status: text('status').$type<RunStatus>().notNull(),
    // No foreign key: retention may take an old run before the one that went on from it.
    resumedFrom: bigint('resumed_from', { mode: 'bigint' }),
    startedAt: instant('started_at').notNull(),
    finishedAt: instant('finished_at'),
    watermark: instant('watermark'),
    limitReached: boolean('limit_reached').notNull().default(false),
    pages: counter('pages'),
    usersRead: counter('users_read'),
    inserted: counter('inserted'),
    updated: counter('updated'),
    unchanged: counter('unchanged'),
    duplicates: counter('duplicates'),
    rejected: counter('rejected'),
    deleted: counter('deleted'),
    errorKind: text('error_kind'),
    errorMessage: text('error_message'),
  },
  // The newest runs of a workspace: asked for at every start and by `status`.
  (table) => [index('sync_runs_workspace_id').on(table.workspace, table.id)],
);

export const syncCheckpoints = intercom.table(
  'sync_checkpoints',
  {
    runId: bigint('run_id', { mode: 'bigint' })
      .notNull()
      .references(() => syncRuns.id, { onDelete: 'cascade' }),
    sequence: integer('sequence').notNull(),
    pass: text('pass').notNull(),
    page: integer('page'),
    next: text('next'),
    users: counter('users'),
    // What the source says, and it has been seen to say nonsense: wider than what we count.
    totalCount: bigint('total_count', { mode: 'number' }),
    inserted: counter('inserted'),
    updated: counter('updated'),
    unchanged: counter('unchanged'),
    duplicates: counter('duplicates'),
    rejected: counter('rejected'),
    seenIds: text('seen_ids').array().notNull(),
    committedAt: instant('committed_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.sequence] })],
);

export const syncLeases = intercom.table('sync_leases', {
  workspace: text('workspace').primaryKey(),
  owner: text('owner').notNull(),
  fence: bigint('fence', { mode: 'bigint' }).notNull(),
  expiresAt: instant('expires_at').notNull(),
});

export const rejectedUsers = intercom.table(
  'rejected_users',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    workspace: text('workspace').notNull(),
    userId: text('user_id'),
    runId: bigint('run_id', { mode: 'bigint' }),
    reason: text('reason').notNull(),
    payload: text('payload').notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    resolvedAt: instant('resolved_at'),
  },
  // One open row for each bad user, however often it is met. By digest: an id may be refused
  // because it is too long for an index.
  (table) => [
    uniqueIndex('rejected_users_open')
      .on(table.workspace, sql`md5(coalesce(user_id, payload))`)
      .where(sql`resolved_at is null`),
  ],
);

const ELEMENT = sql.raw('element');
// REST 1.x repeats the name (`tags.tags`), 2.x says `tags.data`.
const elements = (name: string) =>
  arrayOf(sql`(${member(sql.raw('u.raw'), name)})`, [name, 'data']);
const ofLiveUsers = (name: string) => sql`from intercom.users u
  cross join lateral jsonb_array_elements(${elements(name)}) as element
  where u.deleted_at is null and jsonb_typeof(element) = 'object'`;

export const userTags = intercom
  .view('user_tags', {
    workspace: text('workspace'),
    userId: text('user_id'),
    tagId: text('tag_id'),
    name: text('name'),
  })
  .as(sql`select u.workspace, u.id as user_id, ${idOf(ELEMENT, 'id')} as tag_id,
  ${textOf(ELEMENT, 'name')} as name
  ${ofLiveUsers('tags')}`);

export const userCompanies = intercom
  .view('user_companies', {
    workspace: text('workspace'),
    userId: text('user_id'),
    companyId: text('company_id'),
    companyExternalId: text('company_external_id'),
    name: text('name'),
  })
  .as(sql`select u.workspace, u.id as user_id, ${idOf(ELEMENT, 'id')} as company_id,
  ${idOf(ELEMENT, 'company_id')} as company_external_id, ${textOf(ELEMENT, 'name')} as name
  ${ofLiveUsers('companies')}`);

export const userSegments = intercom
  .view('user_segments', {
    workspace: text('workspace'),
    userId: text('user_id'),
    segmentId: text('segment_id'),
    name: text('name'),
  })
  .as(sql`select u.workspace, u.id as user_id, ${idOf(ELEMENT, 'id')} as segment_id,
  ${textOf(ELEMENT, 'name')} as name
  ${ofLiveUsers('segments')}`);

export const userSocialProfiles = intercom
  .view('user_social_profiles', {
    workspace: text('workspace'),
    userId: text('user_id'),
    network: text('network'),
    profileId: text('profile_id'),
    username: text('username'),
    url: text('url'),
  })
  .as(sql`select u.workspace, u.id as user_id, ${textOf(ELEMENT, 'name')} as network,
  ${idOf(ELEMENT, 'id')} as profile_id, ${textOf(ELEMENT, 'username')} as username,
  ${textOf(ELEMENT, 'url')} as url
  ${ofLiveUsers('social_profiles')}`);

function instant(name: string) {
  return timestamp(name, { withTimezone: true, mode: 'date' });
}

function counter(name: string) {
  return integer(name).notNull().default(0);
}

function textColumn(name: string, expression: SQL) {
  return text(name).generatedAlwaysAs(expression);
}

function booleanColumn(name: string) {
  return boolean(name).generatedAlwaysAs(booleanOf(RAW, name));
}

function degreesColumn(name: string, key: string) {
  return doublePrecision(name).generatedAlwaysAs(
    firstOf(degreesOf(LOCATION_1, key), degreesOf(LOCATION_2, key)),
  );
}

function locationColumn(name: string, key1: string, key2: string) {
  return textColumn(name, firstOf(textOf(LOCATION_1, key1), textOf(LOCATION_2, key2)));
}
