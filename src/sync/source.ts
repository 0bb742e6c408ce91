/** What a run needs of the place that users come from. `src/intercom/` satisfies it. */
export interface UserSource {
  /** Who the token belongs to. Its answer's clock is where the watermark comes from. */
  identify(): Promise<SourceIdentity>;

  /** The pages of one pass, in order. Ends by itself; a limit or drift is always the last item. */
  pages(pass: Pass): AsyncIterable<SourcePage | UsersLimit | ListDrift>;

  /**
   * One user by Intercom's id. `gone`: Intercom has no such user (404). `unaskable`: the id would
   * make another address, so nothing was asked.
   */
  user(id: string): Promise<SourcePage | 'gone' | 'unaskable'>;

  /** A page of the most recently updated users: the clock of a source that sends no `Date`. */
  newest(): Promise<SourcePage>;
}

export interface SourceIdentity {
  /** Intercom's code of the app (workspace), null where `/me` is refused to this token. */
  readonly appId: string | null;
  /** The `Date` header, in whole seconds. */
  readonly date: Date | null;
}

export const SORTS = ['created_at', 'last_request_at', 'signed_up_at', 'updated_at'] as const;
export type Sort = (typeof SORTS)[number];
export const ORDERS = ['asc', 'desc'] as const;
export type Order = (typeof ORDERS)[number];

/** One way through the users. The name is what `sync_checkpoints.pass` records. */
export type Pass = ListPass | UpdatedPass | LookupPass | ScrollPass;
export type PassName = Pass['name'];

/** `list`: every user. `created`: those created in the last `createdSinceDays` days. */
export interface ListPass {
  readonly name: 'list' | 'created';
  readonly sort: Sort;
  readonly order: Order;
  readonly createdSinceDays: number | null;
  /** Go on behind this page of an earlier run. */
  readonly resume: ListPosition | null;
}

/** By `updated_at`, newest first, until a user was last updated before `since`. */
export interface UpdatedPass {
  readonly name: 'updated';
  readonly since: Date;
}

export interface LookupPass {
  readonly name: 'lookup';
  readonly by: 'email' | 'phone';
  readonly value: string;
}

export interface ScrollPass {
  readonly name: 'scroll';
}

/** Where a list pass was when its last page was written. */
export interface ListPosition {
  /** Path and query of the page after it, as in `SourcePage.next`. */
  readonly next: string;
  readonly totalCount: number | null;
}

export interface SourcePage {
  readonly kind: 'page';
  /** The number of the page in a list; null in a scroll and for a single user. */
  readonly page: number | null;
  /**
   * Path and query of the next page of a list, with every parameter of this one. Null at the end,
   * in a scroll, and in a lookup, whose address would hold a personal datum.
   */
  readonly next: string | null;
  readonly totalCount: number | null;
  /**
   * JSON in UTF-8, an object whose key `users` holds the array of users: as it came but for hygiene.
   * It goes to Postgres untouched, so that numbers keep every digit.
   */
  readonly body: Uint8Array;
  /** The users of `body.users`, by position. */
  readonly users: readonly SourceUser[];
  /** How many characters the hygiene replaced (U+0000 and lone surrogates become U+FFFD). */
  readonly cleaned: number;
  /** The exact JSON of each user of `body`, by position: parts of it. Costs a scan of the body. */
  userTexts(): readonly Uint8Array[];
}

/** What this side has to know of a user; all else stays text. */
export interface SourceUser {
  /** Null when it is missing, empty or not a string. */
  readonly id: string | null;
  /** The user's own `app_id`, null when it is missing. */
  readonly appId: string | null;
  /** `updated_at` as a number of seconds, plausible or not; null when it is no number. */
  readonly updatedAtSeconds: number | null;
}

/** The API's limit of 10,000 users was met; what follows can be had by scroll alone. */
export interface UsersLimit {
  readonly kind: 'limit';
  /**
   * `counted`: page 1 counts more; `refused`: the page is answered with 400; `emptied`: with 200
   * and nothing on it; `ended`: the list ends at the limit, so its count may be capped.
   */
  readonly face: 'counted' | 'refused' | 'emptied' | 'ended';
  readonly page: number;
  readonly totalCount: number | null;
}

/** So many users went away while the list was read that its pages cannot be trusted. */
export interface ListDrift {
  readonly kind: 'drift';
  readonly page: number;
}
