import type { Command } from 'commander';
import { type Config, parseConfig } from '../config.ts';
import type { Database } from '../postgres/database.ts';
import { acquireLease, thisProcess } from '../postgres/lease.ts';
import { refuseNewerSchema } from '../postgres/migrate.ts';
import { describeOpenRejects } from '../postgres/rejects.ts';
import { type Replayed, replayRejects } from '../postgres/replay.ts';
import { readStatus } from '../postgres/status.ts';
import { openStore } from '../postgres/store.ts';
import { withDatabase } from './database.ts';
import { type Io, newCommand, writeLine } from './io.ts';
import { formatNumber, renderTable } from './output.ts';

interface RejectsFlags {
  readonly workspace?: string;
  readonly json: boolean;
}

export function rejectsCommand(io: Io): Command {
  const list = withFlags('list', 'who was set aside, and why').action((flags: RejectsFlags) =>
    listRejects(io, flags),
  );
  const replay = withFlags('replay', 'try to store each of them again, as it came').action(
    (flags: RejectsFlags) => replayAll(io, flags),
  );
  return newCommand('rejects', 'users that were set aside, and trying them again')
    .addCommand(list)
    .addCommand(replay);
}

function withFlags(name: string, description: string): Command {
  return newCommand(name, description)
    .option('--workspace <name>', 'only those of this workspace')
    .option('--json', 'print one JSON object', false);
}

const SHOWN_MAX = 1_000;

async function listRejects(io: Io, { workspace, json }: RejectsFlags): Promise<void> {
  const config = parseConfig(io.env, { intercom: false });
  const rejects = await withDatabase(config, io.stop, (database) =>
    describeOpenRejects(database, workspace ?? null, SHOWN_MAX),
  );
  const rows = rejects.map((reject) => ({
    id: reject.id,
    workspace: reject.workspace,
    user_id: reject.userId,
    run_id: reject.runId,
    reason: reject.reason,
    first_seen_at: reject.firstSeenAt,
    last_seen_at: reject.lastSeenAt,
  }));
  if (json) return writeLine(io.stdout, JSON.stringify({ rejects: rows }));
  if (rows.length === 0) return writeLine(io.stdout, 'No user is set aside.');
  writeLine(io.stdout, renderTable(Object.keys(rows[0] ?? {}), rows.map(Object.values)));
  if (rows.length === SHOWN_MAX) writeLine(io.stderr, `Only the first ${SHOWN_MAX} are shown.`);
  writeLine(io.stderr, 'The text of each is in the column payload of intercom.rejected_users.');
}

async function replayAll(io: Io, { workspace, json }: RejectsFlags): Promise<void> {
  const config = parseConfig(io.env, { intercom: false });
  const replayed = await withDatabase(config, io.stop, async (database) => {
    await refuseNewerSchema(database);
    const known = await readStatus(database, 1);
    const some = known.filter(
      (status) => status.openRejects > 0 && (workspace ?? status.workspace) === status.workspace,
    );
    const results = [];
    for (const status of some) {
      const result = await replayWorkspace(io, config, database, status.workspace);
      results.push({ workspace: status.workspace, ...result });
    }
    return results;
  });
  if (json) return writeLine(io.stdout, JSON.stringify({ workspaces: replayed }));
  if (replayed.length === 0) writeLine(io.stdout, 'No user is set aside.');
  for (const result of replayed) {
    const [tried, stored] = [result.tried, result.stored].map(formatNumber);
    writeLine(
      io.stdout,
      `workspace ${result.workspace}: ${stored} of ${tried} users are stored now`,
    );
  }
}

/** A day past our clock: Intercom's is not asked. */
const CLOCK_SLACK_MS = 86_400_000;

async function replayWorkspace(
  io: Io,
  { leaseSeconds }: Config,
  database: Database,
  workspace: string,
): Promise<Replayed> {
  const owner = thisProcess();
  const request = { workspace, owner, leaseSeconds, wait: false, signal: io.stop };
  const store = openStore(database, await acquireLease(database, request));
  try {
    const plausibleUntil = new Date(Date.now() + CLOCK_SLACK_MS);
    return await replayRejects(database, store, { workspace, plausibleUntil, stop: io.stop });
  } finally {
    await store.release();
  }
}
