import type { Clock, RunParts, RunSettings } from '../../src/sync/parts.ts';
import { PLAIN_REQUEST, type RunRequest } from '../../src/sync/plan.ts';
import type { EventLog, Fields } from '../../src/sync/report.ts';
import { runSync } from '../../src/sync/run.ts';
import type {
  ListDrift,
  Pass,
  SourceIdentity,
  SourcePage,
  UserSource,
  UsersLimit,
} from '../../src/sync/source.ts';
import type {
  FinishedRun,
  LeasedStore,
  NewRun,
  PageWrite,
  UsersWrite,
  WorkspaceState,
} from '../../src/sync/store.ts';

export const NOW = new Date('2024-03-10T12:00:00Z');
const NOW_SECONDS = NOW.getTime() / 1000;

type Item = SourcePage | UsersLimit | ListDrift;

export interface MemoryUser {
  readonly id: string | null;
  readonly updatedAtSeconds?: number | null;
  readonly appId?: string | null;
}

export function pageOf(users: readonly MemoryUser[], totalCount: number | null = null): SourcePage {
  return {
    kind: 'page',
    page: 1,
    next: null,
    totalCount,
    body: Buffer.from(JSON.stringify({ users })),
    users: users.map((user) => ({
      appId: 'exampleapp',
      updatedAtSeconds: NOW_SECONDS - 60,
      ...user,
    })),
    cleaned: 0,
    userTexts: () => users.map((user) => Buffer.from(JSON.stringify(user))),
  };
}

export const people = (count: number, prefix = 'u'): MemoryUser[] =>
  Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}` }));

export const limit = (face: UsersLimit['face'] = 'refused'): UsersLimit => ({
  kind: 'limit',
  face,
  page: 201,
  totalCount: null,
});

/** What the parts did, in order, by name and what matters of it. */
export type Story = string[];

/** What the source answers: a function takes the place of an answer where it throws. */
export interface Script {
  identity?: SourceIdentity | (() => never);
  passes?: Partial<Record<Pass['name'], readonly (Item | (() => never))[][]>>;
  newest?: SourcePage;
  gone?: (id: string) => boolean;
}

export function scriptedSource(script: Script, story: Story): UserSource & { asked: Pass[] } {
  const left = structuredCloneOfLists(script.passes ?? {});
  const asked: Pass[] = [];
  return {
    asked,
    async identify() {
      story.push('identify');
      const identity = script.identity ?? { appId: 'exampleapp', date: NOW };
      return typeof identity === 'function' ? identity() : identity;
    },
    async *pages(pass) {
      story.push(`read ${pass.name}`);
      asked.push(pass);
      for (const item of left[pass.name]?.shift() ?? [pageOf([])]) {
        if (typeof item === 'function') item();
        else yield item;
      }
    },
    async user(id) {
      story.push(`ask ${id}`);
      return (script.gone?.(id) ?? true) ? 'gone' : pageOf([{ id }]);
    },
    async newest() {
      story.push('newest');
      return script.newest ?? pageOf([]);
    },
  };
}

function structuredCloneOfLists(passes: NonNullable<Script['passes']>) {
  return Object.fromEntries(Object.entries(passes).map(([name, lists]) => [name, [...lists]]));
}

export interface MemoryStore extends LeasedStore {
  readonly live: Set<string>;
  readonly runs: NewRun[];
  readonly pages: PageWrite[];
  readonly hydrated: UsersWrite[];
  readonly runWatermarks: (Date | null)[];
  readonly finished: FinishedRun[];
  loseLease(reason: unknown): void;
}

export interface Kept {
  state?: Partial<WorkspaceState>;
  live?: readonly string[];
  /** Seen by the run that this one goes on with. */
  inherited?: readonly string[];
}

export function memoryStore(kept: Kept, story: Story): MemoryStore {
  const lost = new AbortController();
  const seen = new Set(kept.inherited ?? []);
  const live = new Set(kept.live ?? []);
  let appId = kept.state?.appId ?? null;
  let deleted = 0;
  const store: MemoryStore = {
    live,
    runs: [],
    pages: [],
    hydrated: [],
    runWatermarks: [],
    finished: [],
    lost: lost.signal,
    loseLease: (reason) => lost.abort(reason),
    async release() {
      story.push('release');
    },
    async startRun(run) {
      story.push('start');
      store.runs.push(run);
      return '42';
    },
    async writePage(page) {
      story.push(`write ${page.pass}`);
      store.pages.push(page);
      const inserted = page.chosen.filter(({ id }) => !live.has(id)).length;
      const repeats = page.chosen.filter(({ isRepeat }) => isRepeat).length;
      for (const { id } of page.chosen) live.add(id);
      for (const id of page.seenIds) seen.add(id);
      return {
        users: page.users,
        inserted,
        updated: 0,
        unchanged: page.chosen.length - inserted - repeats,
        duplicates: page.repeatsInPage + repeats,
        rejected: page.rejects.length,
      };
    },
    async writeUsers(users) {
      story.push('hydrate');
      store.hydrated.push(users);
    },
    async setRunWatermark(_, watermark) {
      store.runWatermarks.push(watermark);
    },
    async markLimitReached() {
      story.push('mark limit');
    },
    async finishRun(run) {
      story.push(`finish ${run.status}`);
      store.finished.push(run);
      return {
        users: 0,
        inserted: 0,
        updated: 0,
        unchanged: 0,
        duplicates: 0,
        rejected: 0,
        pages: 0,
      };
    },
    async workspace() {
      return {
        appId,
        watermark: null,
        lastFullRunAt: null,
        hasUsers: live.size > 0,
        unfinished: null,
        now: NOW,
        ...kept.state,
      };
    },
    async bindApp(wanted) {
      story.push('bind');
      appId ??= wanted;
      return appId;
    },
    countSeen: async () => seen.size,
    async *seenIds() {
      yield kept.inherited ?? [];
    },
    countLiveUsers: async () => live.size,
    async unseenUsers(_, afterId, count) {
      const after = [...live].filter((id) => !seen.has(id) && (afterId === null || id > afterId));
      return after.sort().slice(0, count);
    },
    async markDeleted(_, ids) {
      story.push(`delete ${ids.length}`);
      deleted += ids.filter((id) => live.delete(id)).length;
      return deleted;
    },
    async prune() {
      story.push('prune');
    },
  };
  return store;
}

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: Fields;
}

export function recordingLog(): EventLog & { readonly lines: Logged[] } {
  const lines: Logged[] = [];
  const at =
    (level: string) =>
    (event: string, fields: Fields = {}) =>
      void lines.push({ level, event, fields });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const bound: EventLog & { lines: Logged[] } = { ...log, lines, with: () => bound };
  return bound;
}

const clock: Clock = { now: () => NOW, elapsedMs: () => 0 };

/** One run on these parts, and all that came of it. */
export async function tellRun(
  script: Script,
  kept: Kept = {},
  asked: Partial<RunRequest> = {},
  changes: Partial<RunParts> & Partial<RunSettings> = {},
) {
  const story: Story = [];
  const store = memoryStore(kept, story);
  const source = scriptedSource(script, story);
  const log = recordingLog();
  const request: RunRequest = { ...PLAIN_REQUEST, ...asked };
  const settings: RunSettings = {
    workspace: 'default',
    perPage: 50,
    overlapMinutes: 10,
    fullEveryDays: 7,
    massDeleteLimit: 0.1,
    retentionDays: 90,
  };
  const report = await runSync(request, settings, {
    acquireStore: async () => {
      story.push('lease');
      return store;
    },
    openSource: () => source,
    log,
    progress: { passStarted() {}, pageWritten() {} },
    clock,
    stop: new AbortController().signal,
    ...changes,
  });
  const warned = log.lines.filter(({ level }) => level === 'warn').map(({ event }) => event);
  return { report, story, store, source, warned, log };
}
