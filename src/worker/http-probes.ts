import type { FastifyInstance } from 'fastify';
import { SyncError } from '../errors.ts';
import type { Overview } from '../postgres/overview.ts';
import type { Glance, Readings } from './http-readings.ts';
import type { Metrics, WorkspaceReading } from './metrics.ts';
import { glanceAt } from './page/data.ts';
import { judgeReadiness } from './readiness.ts';
import type { WatchedWorkspace } from './watched.ts';

export interface ShownParts {
  readonly workspaces: readonly WatchedWorkspace[];
  readonly metrics: Metrics;
  readonly readings: Readings;
  /** How long this worker has watched its workspaces. */
  watchedMs(): number;
}

/** What machines ask: is it alive, is all well, and how many. */
export function addProbes(app: FastifyInstance, parts: ShownParts): void {
  const { workspaces, metrics, readings } = parts;

  app.get('/healthz', async () => ({ alive: true }));

  app.get('/readyz', async (_request, reply) => {
    const glance = await tryGlance(readings);
    const readiness = judgeReadiness(glance, workspaces, parts.watchedMs());
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });

  app.get('/metrics', async (_request, reply) => {
    const glance = await tryGlance(readings);
    const overview = glance instanceof SyncError ? null : glance.overview;
    const text = await metrics.expose(
      workspaces.map((workspace) => readingOf(workspace, overview)),
      !(glance instanceof SyncError),
    );
    return reply.type(metrics.contentType).send(text);
  });
}

/** While the database is away that is what is told, and no error. */
async function tryGlance(readings: Readings): Promise<Glance | SyncError> {
  try {
    return await readings.glance();
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
}

function readingOf(workspace: WatchedWorkspace, overview: Overview | null): WorkspaceReading {
  const known = {
    workspace: workspace.name,
    isRefused: workspace.isRefused(),
    staleAfterSeconds: workspace.staleAfterMs / 1000,
  };
  if (overview === null) return { ...known, ...NOTHING_KNOWN };
  const glance = glanceAt(overview, workspace.name);
  const ageOf = (instant: Date | null) =>
    instant && Math.max(0, overview.now.getTime() - instant.getTime()) / 1000;
  return {
    ...known,
    lastSuccessAgeSeconds: ageOf(glance.lastSuccessAt),
    lagSeconds: ageOf(glance.completeUntil),
    runAgeSeconds: glance.progress && ageOf(glance.newest?.startedAt ?? null),
    openRejects: glance.openRejects,
    userCount: glance.userCount,
  };
}

const NOTHING_KNOWN = {
  lastSuccessAgeSeconds: null,
  lagSeconds: null,
  runAgeSeconds: null,
  openRejects: null,
  userCount: null,
} as const;
