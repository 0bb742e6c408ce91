CREATE SCHEMA "intercom";
--> statement-breakpoint
CREATE TABLE "intercom"."rejected_users" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "intercom"."rejected_users_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace" text NOT NULL,
	"user_id" text,
	"run_id" bigint,
	"reason" text NOT NULL,
	"payload" text NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"resolved_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "intercom"."sync_checkpoints" (
	"run_id" bigint NOT NULL,
	"sequence" integer NOT NULL,
	"pass" text NOT NULL,
	"page" integer,
	"next" text,
	"users" integer DEFAULT 0 NOT NULL,
	"total_count" bigint,
	"inserted" integer DEFAULT 0 NOT NULL,
	"updated" integer DEFAULT 0 NOT NULL,
	"unchanged" integer DEFAULT 0 NOT NULL,
	"duplicates" integer DEFAULT 0 NOT NULL,
	"rejected" integer DEFAULT 0 NOT NULL,
	"seen_ids" text[] NOT NULL,
	"committed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "sync_checkpoints_run_id_sequence_pk" PRIMARY KEY("run_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "intercom"."sync_leases" (
	"workspace" text PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "intercom"."sync_runs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "intercom"."sync_runs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace" text NOT NULL,
	"mode" text NOT NULL,
	"status" text NOT NULL,
	"resumed_from" bigint,
	"started_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"watermark" timestamp with time zone,
	"limit_reached" boolean DEFAULT false NOT NULL,
	"pages" integer DEFAULT 0 NOT NULL,
	"users_read" integer DEFAULT 0 NOT NULL,
	"inserted" integer DEFAULT 0 NOT NULL,
	"updated" integer DEFAULT 0 NOT NULL,
	"unchanged" integer DEFAULT 0 NOT NULL,
	"duplicates" integer DEFAULT 0 NOT NULL,
	"rejected" integer DEFAULT 0 NOT NULL,
	"deleted" integer DEFAULT 0 NOT NULL,
	"error_kind" text,
	"error_message" text
);
--> statement-breakpoint
CREATE TABLE "intercom"."users" (
	"workspace" text NOT NULL,
	"id" text NOT NULL,
	"source" text NOT NULL,
	"raw" jsonb NOT NULL,
	"first_synced_at" timestamp with time zone NOT NULL,
	"last_changed_at" timestamp with time zone NOT NULL,
	"deleted_at" timestamp with time zone,
	"merged_into" text,
	"user_id" text GENERATED ALWAYS AS (coalesce(case when jsonb_typeof(raw -> 'user_id') in ('string', 'number') then raw ->> 'user_id' end, case when jsonb_typeof(raw -> 'external_id') in ('string', 'number') then raw ->> 'external_id' end)) STORED,
	"email" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'email') when 'string' then raw ->> 'email' end) STORED,
	"phone" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'phone') when 'string' then raw ->> 'phone' end) STORED,
	"name" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'name') when 'string' then raw ->> 'name' end) STORED,
	"pseudonym" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'pseudonym') when 'string' then raw ->> 'pseudonym' end) STORED,
	"avatar_url" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'avatar' -> 'image_url') when 'string' then raw -> 'avatar' ->> 'image_url' end, case jsonb_typeof(raw -> 'avatar') when 'string' then raw ->> 'avatar' end)) STORED,
	"app_id" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'app_id') when 'string' then raw ->> 'app_id' end, case jsonb_typeof(raw -> 'workspace_id') when 'string' then raw ->> 'workspace_id' end)) STORED,
	"owner_id" text GENERATED ALWAYS AS (case when jsonb_typeof(raw -> 'owner_id') in ('string', 'number') then raw ->> 'owner_id' end) STORED,
	"referrer" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'referrer') when 'string' then raw ->> 'referrer' end) STORED,
	"utm_campaign" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'utm_campaign') when 'string' then raw ->> 'utm_campaign' end) STORED,
	"utm_content" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'utm_content') when 'string' then raw ->> 'utm_content' end) STORED,
	"utm_medium" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'utm_medium') when 'string' then raw ->> 'utm_medium' end) STORED,
	"utm_source" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'utm_source') when 'string' then raw ->> 'utm_source' end) STORED,
	"utm_term" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'utm_term') when 'string' then raw ->> 'utm_term' end) STORED,
	"last_seen_ip" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'last_seen_ip') when 'string' then raw ->> 'last_seen_ip' end) STORED,
	"user_agent" text GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'user_agent_data') when 'string' then raw ->> 'user_agent_data' end) STORED,
	"role" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'role') when 'string' then raw ->> 'role' end, case case jsonb_typeof(raw -> 'anonymous') when 'boolean' then (raw -> 'anonymous')::boolean end when true then 'lead' when false then 'user' end)) STORED,
	"location_city" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'city_name') when 'string' then raw -> 'location_data' ->> 'city_name' end, case jsonb_typeof(raw -> 'location' -> 'city') when 'string' then raw -> 'location' ->> 'city' end)) STORED,
	"location_region" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'region_name') when 'string' then raw -> 'location_data' ->> 'region_name' end, case jsonb_typeof(raw -> 'location' -> 'region') when 'string' then raw -> 'location' ->> 'region' end)) STORED,
	"location_country" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'country_name') when 'string' then raw -> 'location_data' ->> 'country_name' end, case jsonb_typeof(raw -> 'location' -> 'country') when 'string' then raw -> 'location' ->> 'country' end)) STORED,
	"location_country_code" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'country_code') when 'string' then raw -> 'location_data' ->> 'country_code' end, case jsonb_typeof(raw -> 'location' -> 'country_code') when 'string' then raw -> 'location' ->> 'country_code' end)) STORED,
	"location_continent_code" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'continent_code') when 'string' then raw -> 'location_data' ->> 'continent_code' end, case jsonb_typeof(raw -> 'location' -> 'continent_code') when 'string' then raw -> 'location' ->> 'continent_code' end)) STORED,
	"location_postal_code" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'postal_code') when 'string' then raw -> 'location_data' ->> 'postal_code' end, case jsonb_typeof(raw -> 'location' -> 'postal_code') when 'string' then raw -> 'location' ->> 'postal_code' end)) STORED,
	"location_timezone" text GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'location_data' -> 'timezone') when 'string' then raw -> 'location_data' ->> 'timezone' end, case jsonb_typeof(raw -> 'location' -> 'timezone') when 'string' then raw -> 'location' ->> 'timezone' end)) STORED,
	"anonymous" boolean GENERATED ALWAYS AS (coalesce(case jsonb_typeof(raw -> 'anonymous') when 'boolean' then (raw -> 'anonymous')::boolean end, case case jsonb_typeof(raw -> 'role') when 'string' then raw ->> 'role' end when 'lead' then true when 'user' then false end)) STORED,
	"unsubscribed_from_emails" boolean GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'unsubscribed_from_emails') when 'boolean' then (raw -> 'unsubscribed_from_emails')::boolean end) STORED,
	"marked_email_as_spam" boolean GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'marked_email_as_spam') when 'boolean' then (raw -> 'marked_email_as_spam')::boolean end) STORED,
	"has_hard_bounced" boolean GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'has_hard_bounced') when 'boolean' then (raw -> 'has_hard_bounced')::boolean end) STORED,
	"do_not_track" boolean GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'do_not_track') when 'boolean' then (raw -> 'do_not_track')::boolean end) STORED,
	"created_at" timestamp with time zone GENERATED ALWAYS AS (to_timestamp((jsonb_path_query_first(raw, 'strict $.created_at ? (@ >= -9999999999 && @ <= 9999999999).floor()', '{}', true))::double precision)) STORED,
	"signed_up_at" timestamp with time zone GENERATED ALWAYS AS (to_timestamp((jsonb_path_query_first(raw, 'strict $.signed_up_at ? (@ >= -9999999999 && @ <= 9999999999).floor()', '{}', true))::double precision)) STORED,
	"updated_at" timestamp with time zone GENERATED ALWAYS AS (to_timestamp((jsonb_path_query_first(raw, 'strict $.updated_at ? (@ >= -9999999999 && @ <= 9999999999).floor()', '{}', true))::double precision)) STORED,
	"last_request_at" timestamp with time zone GENERATED ALWAYS AS (coalesce(to_timestamp((jsonb_path_query_first(raw, 'strict $.last_request_at ? (@ >= -9999999999 && @ <= 9999999999).floor()', '{}', true))::double precision), to_timestamp((jsonb_path_query_first(raw, 'strict $.last_seen_at ? (@ >= -9999999999 && @ <= 9999999999).floor()', '{}', true))::double precision))) STORED,
	"session_count" integer GENERATED ALWAYS AS ((jsonb_path_query_first(raw, 'strict $.session_count ? (@ >= -2147483648 && @ <= 2147483647 && @ == @.floor())', '{}', true))::integer) STORED,
	"location_latitude" double precision GENERATED ALWAYS AS (coalesce(case when raw -> 'location_data' ->> 'latitude' ~ '^-?[0-9]{1,3}([.][0-9]{1,40})?$' then (raw -> 'location_data' ->> 'latitude')::double precision end, case when raw -> 'location' ->> 'latitude' ~ '^-?[0-9]{1,3}([.][0-9]{1,40})?$' then (raw -> 'location' ->> 'latitude')::double precision end)) STORED,
	"location_longitude" double precision GENERATED ALWAYS AS (coalesce(case when raw -> 'location_data' ->> 'longitude' ~ '^-?[0-9]{1,3}([.][0-9]{1,40})?$' then (raw -> 'location_data' ->> 'longitude')::double precision end, case when raw -> 'location' ->> 'longitude' ~ '^-?[0-9]{1,3}([.][0-9]{1,40})?$' then (raw -> 'location' ->> 'longitude')::double precision end)) STORED,
	"custom_attributes" jsonb GENERATED ALWAYS AS (case jsonb_typeof(raw -> 'custom_attributes') when 'object' then raw -> 'custom_attributes' end) STORED,
	CONSTRAINT "users_workspace_id_pk" PRIMARY KEY("workspace","id")
);
--> statement-breakpoint
CREATE TABLE "intercom"."workspaces" (
	"workspace" text PRIMARY KEY NOT NULL,
	"app_id" text,
	"watermark" timestamp with time zone,
	"watermark_run_id" bigint
);
--> statement-breakpoint
ALTER TABLE "intercom"."sync_checkpoints" ADD CONSTRAINT "sync_checkpoints_run_id_sync_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "intercom"."sync_runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "rejected_users_open" ON "intercom"."rejected_users" USING btree ("workspace",md5(coalesce(user_id, payload))) WHERE resolved_at is null;--> statement-breakpoint
CREATE INDEX "sync_runs_workspace_id" ON "intercom"."sync_runs" USING btree ("workspace","id");--> statement-breakpoint
CREATE VIEW "intercom"."user_companies" AS (select u.workspace, u.id as user_id, case when jsonb_typeof(element -> 'id') in ('string', 'number') then element ->> 'id' end as company_id,
  case when jsonb_typeof(element -> 'company_id') in ('string', 'number') then element ->> 'company_id' end as company_external_id, case jsonb_typeof(element -> 'name') when 'string' then element ->> 'name' end as name
  from intercom.users u
  cross join lateral jsonb_array_elements(case when jsonb_typeof((u.raw -> 'companies') -> 'companies') = 'array' then (u.raw -> 'companies') -> 'companies' when jsonb_typeof((u.raw -> 'companies') -> 'data') = 'array' then (u.raw -> 'companies') -> 'data' else '[]'::jsonb end) as element
  where u.deleted_at is null and jsonb_typeof(element) = 'object');--> statement-breakpoint
CREATE VIEW "intercom"."user_segments" AS (select u.workspace, u.id as user_id, case when jsonb_typeof(element -> 'id') in ('string', 'number') then element ->> 'id' end as segment_id,
  case jsonb_typeof(element -> 'name') when 'string' then element ->> 'name' end as name
  from intercom.users u
  cross join lateral jsonb_array_elements(case when jsonb_typeof((u.raw -> 'segments') -> 'segments') = 'array' then (u.raw -> 'segments') -> 'segments' when jsonb_typeof((u.raw -> 'segments') -> 'data') = 'array' then (u.raw -> 'segments') -> 'data' else '[]'::jsonb end) as element
  where u.deleted_at is null and jsonb_typeof(element) = 'object');--> statement-breakpoint
CREATE VIEW "intercom"."user_social_profiles" AS (select u.workspace, u.id as user_id, case jsonb_typeof(element -> 'name') when 'string' then element ->> 'name' end as network,
  case when jsonb_typeof(element -> 'id') in ('string', 'number') then element ->> 'id' end as profile_id, case jsonb_typeof(element -> 'username') when 'string' then element ->> 'username' end as username,
  case jsonb_typeof(element -> 'url') when 'string' then element ->> 'url' end as url
  from intercom.users u
  cross join lateral jsonb_array_elements(case when jsonb_typeof((u.raw -> 'social_profiles') -> 'social_profiles') = 'array' then (u.raw -> 'social_profiles') -> 'social_profiles' when jsonb_typeof((u.raw -> 'social_profiles') -> 'data') = 'array' then (u.raw -> 'social_profiles') -> 'data' else '[]'::jsonb end) as element
  where u.deleted_at is null and jsonb_typeof(element) = 'object');--> statement-breakpoint
CREATE VIEW "intercom"."user_tags" AS (select u.workspace, u.id as user_id, case when jsonb_typeof(element -> 'id') in ('string', 'number') then element ->> 'id' end as tag_id,
  case jsonb_typeof(element -> 'name') when 'string' then element ->> 'name' end as name
  from intercom.users u
  cross join lateral jsonb_array_elements(case when jsonb_typeof((u.raw -> 'tags') -> 'tags') = 'array' then (u.raw -> 'tags') -> 'tags' when jsonb_typeof((u.raw -> 'tags') -> 'data') = 'array' then (u.raw -> 'tags') -> 'data' else '[]'::jsonb end) as element
  where u.deleted_at is null and jsonb_typeof(element) = 'object');