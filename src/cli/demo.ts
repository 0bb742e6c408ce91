import type { Command } from 'commander';
import { type Config, parseConfig } from '../config.ts';
import type { Database } from '../postgres/database.ts';
import { runReadOnlyQuery } from '../postgres/query.ts';
import { type Simulator, startSimulator } from '../simulator/server.ts';
import { PLAIN_REQUEST, type RunRequest } from '../sync/plan.ts';
import { withDatabase } from './database.ts';
import { exitCodeOf, type Io, newCommand, writeLine } from './io.ts';
import { renderTable, summarize } from './output.ts';
import { syncWorkspace } from './sync.ts';

const USERS = 12_345;
const SEED = 1;
const TOKEN = 'demo-token';
// The same people each time, so that a second demo finds them all unchanged.
const PEOPLE_UNTIL = new Date('2026-11-01T00:00:00Z');
// Enough for the progress to be seen.
const LATENCY_MS = 15;

const QUESTIONS = [
  {
    ask: 'Where do our users live?',
    sql: `select coalesce(location_country, '(unknown)') as country, count(*) as users,
                 round(100.0 * count(*) / sum(count(*)) over (), 1) as percent
          from intercom.users where workspace = 'demo' and deleted_at is null
          group by 1 order by 2 desc limit 5`,
  },
  {
    ask: 'How many signed up in each of the last six months, and came back for a second session?',
    sql: `select to_char(date_trunc('month', signed_up_at, 'UTC'), 'YYYY-MM') as month, count(*) as signed_up,
                 count(*) filter (where session_count > 1) as came_back
          from intercom.users where workspace = 'demo' and deleted_at is null and signed_up_at is not null
          group by 1 order by 1 desc limit 6`,
  },
  {
    ask: 'Which companies have the most users, and when was one of them last seen?',
    sql: `select c.name as company, count(*) as users, max(u.last_request_at) as last_seen
          from intercom.user_companies c join intercom.users u on u.workspace = c.workspace and u.id = c.user_id
          where c.workspace = 'demo' and c.name is not null group by 1 order by 2 desc, 1 limit 5`,
  },
] as const;

export function demoCommand(io: Io): Command {
  return newCommand(
    'demo',
    'see the whole thing on this machine, with no account and no database',
  ).action(async () => {
    writeLine(
      io.stdout,
      `A simulated Intercom with ${USERS} users, and a Postgres of its own. The API lists 10,000 users`,
    );
    writeLine(
      io.stdout,
      'and no more, so watch for the warning and for the switch to the scroll.\n',
    );
    const simulator = await startSimulator({
      users: USERS,
      seed: SEED,
      token: TOKEN,
      appId: 'demo',
      anchorAt: PEOPLE_UNTIL,
      latencyMs: LATENCY_MS,
    });
    try {
      const config = demoConfig(io, simulator);
      await withDatabase(config, io.stop, (database, url) => show(io, config, database, url));
    } finally {
      await simulator.close();
    }
  });
}

function demoConfig(io: Io, simulator: Simulator): Config {
  const settings = {
    DATABASE_URL: 'embedded',
    INTERCOM_SYNC_DIR: io.env.INTERCOM_SYNC_DIR,
    LOG_LEVEL: io.env.LOG_LEVEL,
    INTERCOM_WORKSPACES: 'demo',
    INTERCOM_ACCESS_TOKEN__DEMO: TOKEN,
    INTERCOM_BASE_URL: simulator.url,
  };
  return parseConfig(settings, { intercom: true });
}

async function show(io: Io, config: Config, database: Database, url: string): Promise<void> {
  const [workspace] = config.workspaces;
  if (!workspace) throw new TypeError('the demo has a workspace');
  const request: RunRequest = { ...PLAIN_REQUEST, mode: 'full' };
  const report = await syncWorkspace(io, config, workspace, request, {
    database,
    url,
    wait: false,
  });
  writeLine(io.stdout, summarize(report));
  io.exitCode = report.error === null ? 0 : exitCodeOf(report.error);
  if (report.error !== null) return;

  for (const { ask, sql } of QUESTIONS) {
    const answer = await runReadOnlyQuery(database, sql);
    writeLine(io.stdout, `\n${ask}\n\n${renderTable(answer.columns, answer.rows)}`);
  }
  writeLine(io.stdout, '\nAsk your own, or look at the run:\n');
  const run = 'DATABASE_URL=embedded npm run -s intercom-sync --';
  writeLine(
    io.stdout,
    `  ${run} query "select name, email, created_at from intercom.users limit 5"`,
  );
  writeLine(io.stdout, `  ${run} status`);
}
