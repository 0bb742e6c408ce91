import { expect } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { EQUAL, rowsOf } from '../support/sync.ts';
import { beginGatedRun, type GatedRun, type Mode, PER_PAGE } from './gated-run.ts';
import { checkEveryMoment, checkSuccess, type LastTimes } from './model-checks.ts';
import {
  DAY_MS,
  type FinishedRun,
  type Ground,
  MINUTE_MS,
  type MovingSource,
} from './moving-source.ts';

const USERS = 45;

/** When, in steps of the model, what was done to a user last. */
export interface Changes {
  /** In any way that a run can know of. */
  readonly changed: Map<string, number>;
  /** Without a new `updated_at`. */
  readonly silent: Map<string, number>;
  readonly deleted: Map<string, number>;
  /** Users whose `updated_at` cannot be true. */
  readonly spoiled: Set<string>;
}

/** The source, the table, a run that may be going on, and all that was done to them. */
export class World {
  readonly source: MovingSource;
  readonly changes: Changes = {
    changed: new Map(),
    silent: new Map(),
    deleted: new Map(),
    spoiled: new Set(),
  };
  #step = 0;
  #run: { readonly gated: GatedRun; readonly mode: Mode; readonly startedAt: number } | null = null;
  /** By the run's id. */
  readonly #chainStarts = new Map<string, number>();
  #lastFullStartedAt = 0;
  readonly #lastTimes: LastTimes = new Map();

  /** How many runs ended how, in words. */
  readonly #ends: Map<string, number>;

  constructor(source: MovingSource, ends: Map<string, number>) {
    this.source = source;
    this.#ends = ends;
  }

  static async open(ground: Ground, seed: number, ends: Map<string, number>): Promise<World> {
    const options = { users: USERS, seed, settings: { massDeleteLimit: 1 } };
    return new World(await ground.open(options), ends);
  }

  get isRunning(): boolean {
    return this.#run !== null;
  }

  create(): void {
    this.#note('changed', String(this.source.simulator.workspace.create().id));
  }

  /** So many users who stand one behind another. */
  change(choice: number, count: number, isTouched: boolean): void {
    const { workspace } = this.source.simulator;
    for (let at = 0; at < count; at += 1) {
      const id = workspace.anyId((choice + at / USERS) % 1);
      if (id === undefined) return;
      workspace.update(id, { name: `Name ${this.#step}` }, { touch: isTouched });
      if (isTouched) this.changes.spoiled.delete(id);
      this.#note(isTouched ? 'changed' : 'silent', id);
    }
  }

  /** `updated_at` becomes what no time of a user can be. */
  spoil(choice: number, updatedAt: number | null): void {
    const { workspace } = this.source.simulator;
    const id = workspace.anyId(choice);
    if (id === undefined) return;
    workspace.update(id, { updated_at: updatedAt, name: `Spoiled ${this.#step}` });
    this.changes.spoiled.add(id);
    this.#note('changed', id);
  }

  delete(choice: number): void {
    const { workspace } = this.source.simulator;
    const id = workspace.anyId(choice);
    if (id === undefined) return;
    workspace.delete(id);
    this.changes.spoiled.delete(id);
    this.#note('deleted', id);
  }

  bringBack(choice: number): void {
    const { workspace } = this.source.simulator;
    const gone = [...this.changes.deleted.keys()].filter((id) => !workspace.get(id));
    const id = gone[Math.floor(choice * gone.length)];
    if (id === undefined) return;
    workspace.create({ id });
    this.#note('changed', id);
  }

  /** Time passes for Intercom, and all that the database holds grows older by as much. */
  async passTime(ms: number): Promise<void> {
    this.source.passTime(ms);
    const age = [`${ms} milliseconds`];
    const { databaseUrl } = this.source;
    await rowsOf(
      databaseUrl,
      `update intercom.sync_runs set started_at = started_at - $1::interval,
        finished_at = finished_at - $1::interval`,
      age,
    );
    await rowsOf(
      databaseUrl,
      'update intercom.sync_checkpoints set committed_at = committed_at - $1::interval',
      age,
    );
  }

  limitList(rows: number): void {
    this.source.simulator.faults.limitRows = rows;
  }

  /** The next request, or one of those after it, is answered wrongly, once. */
  trouble(answer: FaultRule['answer'], afterRequests: number): void {
    const { faults } = this.source.simulator;
    faults.retryAfterSeconds = 0;
    faults.rules.push({ answer, match: { nth: afterRequests + 1 } });
  }

  async begin(mode: Mode): Promise<void> {
    this.#step += 1;
    const startedAt = this.#step;
    this.#run = { gated: await beginGatedRun(this.source, mode), mode, startedAt };
    await this.#noticeEnd();
  }

  /** Begins a run where none goes on. */
  async step(requests: number): Promise<void> {
    if (!this.#run) await this.begin('auto');
    for (let count = 0; count < requests && this.#run; count += 1) {
      await this.#run.gated.step();
      await this.#noticeEnd();
    }
  }

  async end(how: 'finish' | 'stop' | 'crash' | 'loseLease'): Promise<void> {
    if (!this.#run) return;
    const { json } = await this.#run.gated[how]();
    if (how === 'crash' || how === 'loseLease') expect(json.status).not.toBe('succeeded');
    await this.#noticeEnd();
  }

  /** The run ends, and the same is begun again soon: it may go on where the other was. */
  async endAndBegin(how: 'stop' | 'crash' | 'loseLease', afterMs: number): Promise<void> {
    const mode = this.#run?.mode ?? 'auto';
    await this.end(how);
    await this.passTime(afterMs);
    await this.check();
    await this.begin(mode);
  }

  /** Every connection of the run to its database breaks, as when a server goes down for a moment. */
  async cutConnections(): Promise<void> {
    await rowsOf(
      this.source.databaseUrl,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'intercom-sync'`,
    );
  }

  async check(): Promise<void> {
    await checkEveryMoment(this.source, this.#lastTimes);
  }

  /** The source comes to rest, and one full run that began after that makes the table its equal. */
  async rest(): Promise<void> {
    await this.end('finish');
    const { faults, workspace } = this.source.simulator;
    faults.rules.length = 0;
    this.limitList(10_000);
    for (const id of this.changes.spoiled) workspace.update(id, { name: 'Healed' });
    await this.passTime(DAY_MS);
    const { report } = await this.source.sync(
      { mode: 'full', allowMassDelete: true },
      { perPage: PER_PAGE },
    );
    expect(report.error).toBeNull();
    expect(await this.source.difference()).toEqual(EQUAL);
    await this.check();
  }

  async close(): Promise<void> {
    await this.#run?.gated.stop();
    await this.source.close();
  }

  #note(what: 'changed' | 'silent' | 'deleted', id: string): void {
    this.#step += 1;
    this.changes[what].set(id, this.#step);
    // Even the clock of whole seconds goes on now and then.
    if (this.#step % 3 === 0) this.source.passTime(MINUTE_MS / 60);
  }

  async #noticeEnd(): Promise<void> {
    const finished = this.#run?.gated.outcome();
    if (!this.#run || !finished) return;
    const { startedAt } = this.#run;
    this.#run = null;
    await this.#judge(finished, startedAt);
  }

  async #judge({ json, warned }: FinishedRun, startedAt: number): Promise<void> {
    const [run] = await rowsOf<{ resumed_from: string | null }>(
      this.source.databaseUrl,
      'select resumed_from from intercom.sync_runs where id = $1',
      [json.run_id],
    );
    const chainStartedAt = this.#chainStarts.get(run?.resumed_from ?? '') ?? startedAt;
    this.#chainStarts.set(String(json.run_id), chainStartedAt);
    const how = [json.status, json.mode, json.error_kind, chainStartedAt < startedAt && 'resumed'];
    const words = how.filter((word) => word).join(' ');
    this.#ends.set(words, (this.#ends.get(words) ?? 0) + 1);
    if (json.status !== 'succeeded') return;
    if (json.mode === 'full') this.#lastFullStartedAt = chainStartedAt;
    await checkSuccess(this.source, this.changes, {
      startedAt,
      lastFullStartedAt: this.#lastFullStartedAt,
      isSwept: json.mode === 'full' && !warned.some((event) => event.startsWith('count_')),
      chainStartedAt,
    });
  }
}
