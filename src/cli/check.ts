import type { Command } from 'commander';
import { parseConfig, type WorkspaceConfig } from '../config.ts';
import { describeError, SyncError } from '../errors.ts';
import { createIntercomSource } from '../intercom/source.ts';
import type { Database } from '../postgres/database.ts';
import { migrationState, newerSchema } from '../postgres/migrate.ts';
import { openPreviewStore } from '../postgres/preview.ts';
import { anotherApp } from '../sync/pass.ts';
import { withDatabase } from './database.ts';
import { exitCodeOf, type Io, newCommand, writeLine } from './io.ts';

export function checkCommand(io: Io): Command {
  return newCommand(
    'check',
    'prove the settings: token, API version, app, database, migrations',
  ).action(async () => {
    const tell = createTeller(io);
    const config = await tell('settings', async () => [
      parseConfig(io.env, { intercom: true }),
      'complete',
    ]);
    if (!config) return;
    const apps = new Map<string, string | null>();
    for (const workspace of config.workspaces) {
      apps.set(workspace.name, await checkIntercom(io, workspace, tell));
    }
    await tell('database', () =>
      withDatabase(config, io.stop, async (database) => {
        await checkDatabase(database, apps, tell);
        return [true, 'answers'];
      }),
    );
  });
}

type Teller = <T>(what: string, prove: () => Promise<[T, string]>) => Promise<T | null>;

/** One line for each proof; the first that fails decides the exit code, and the others go on. */
function createTeller(io: Io): Teller {
  return async (what, prove) => {
    try {
      const [value, finding] = await prove();
      writeLine(io.stdout, `ok    ${what}: ${finding}`);
      return value;
    } catch (error) {
      io.stop.throwIfAborted();
      const { message } = describeError(error);
      const hint = error instanceof SyncError && error.hint !== null ? `\n      ${error.hint}` : '';
      writeLine(io.stdout, `FAIL  ${what}: ${message.replaceAll('\n', '\n      ')}${hint}`);
      if (io.exitCode === 0) io.exitCode = exitCodeOf(error);
      return null;
    }
  };
}

/** Returns the app that the token belongs to, null where nothing told it. */
async function checkIntercom(
  io: Io,
  workspace: WorkspaceConfig,
  tell: Teller,
): Promise<string | null> {
  const source = createIntercomSource({
    ...workspace,
    signal: io.stop,
    // Whoever checks wants to know now.
    retry: { retriesMax: 1, firstWaitMs: 500, longestWaitMs: 1000, elapsedMaxMs: 30_000 },
    onWait: () => {},
  });
  const { name } = workspace;
  try {
    const identity = await tell(labelOf('token', name), async () => {
      const found = await source.identify();
      return [found, `accepted by ${workspace.baseUrl.origin}`];
    });
    if (!identity) return null;
    return await tell(labelOf('API version', name), async () => {
      const page = await source.newest();
      const app = identity.appId ?? page.users[0]?.appId ?? null;
      const users = page.totalCount === null ? 'users, uncounted' : `${page.totalCount} users`;
      return [
        app,
        `${workspace.apiVersion} serves ${users}${app === null ? '' : ` of the app ${app}`}`,
      ];
    });
  } finally {
    await source.close();
  }
}

function labelOf(what: string, workspace: string): string {
  return workspace === 'default' ? what : `${what} of ${workspace}`;
}

async function checkDatabase(
  database: Database,
  apps: ReadonlyMap<string, string | null>,
  tell: Teller,
): Promise<void> {
  // Asked outside of the proof of the migrations: what fails here is the database.
  const found = await migrationState(database);
  const state = await tell('migrations', async () => {
    if (found === 'newer') throw newerSchema();
    const finding = {
      current: 'applied',
      behind: 'sync will apply what is missing',
      empty: 'sync will create the schema intercom',
    };
    return [found, finding[found]];
  });
  if (state !== 'current') return;
  for (const [name, ofToken] of apps) {
    await tell(labelOf('app', name), async () => {
      const { appId } = await openPreviewStore(database, name).workspace();
      if (appId !== null && ofToken !== null && appId !== ofToken) throw anotherApp(name);
      return [true, appId === null ? 'will be bound by the first sync' : `bound to ${appId}`];
    });
  }
}
