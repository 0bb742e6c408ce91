import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SyncError } from '../errors.ts';
import type { MigrationState } from '../postgres/migrate.ts';
import type { Overview } from '../postgres/overview.ts';
import type { Glance, Readings } from './http-readings.ts';
import type { Metrics, WorkspaceReading } from './metrics.ts';
import { awayPage, missingPage, overviewPage, type PageMoment, workspacePage } from './page.ts';
import { glanceAt, viewAll, viewOf } from './page-data.ts';
import { judgeReadiness } from './readiness.ts';
import type { WatchedWorkspace } from './watched.ts';

export interface PageParts {
  readonly workspaces: readonly WatchedWorkspace[];
  readonly metrics: Metrics;
  readonly readings: Readings;
}

/** The addresses that are answered, and with what. */
export function addPages(app: FastifyInstance, parts: PageParts): void {
  const startedMs = performance.now();
  const watchedMs = () => performance.now() - startedMs;
  const { workspaces, metrics, readings } = parts;
  const only = workspaces.length === 1 ? workspaces[0] : undefined;

  app.get('/healthz', async () => ({ alive: true }));

  app.get('/readyz', async (_request, reply) => {
    const readiness = judgeReadiness(await tryGlance(readings), workspaces, watchedMs());
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });

  app.get('/metrics', async (_request, reply) => {
    const overview = overviewIn(await tryGlance(readings));
    const text = await metrics.expose(
      workspaces.map((workspace) => readingOf(workspace, overview)),
      overview !== null,
    );
    return reply.type(metrics.contentType).send(text);
  });

  app.get('/', async (request, reply) => {
    if (only) return sendWorkspace(request, reply, only);
    return sendPage(request, reply, async (overview, moment) =>
      overviewPage(viewAll(workspaces, sourcesOf(overview)), moment),
    );
  });

  app.get<{ Params: { name: string } }>('/workspaces/:name', async (request, reply) => {
    const workspace = workspaces.find(({ name }) => name === request.params.name);
    return workspace ? sendWorkspace(request, reply, workspace) : sendMissing(request, reply);
  });

  app.setNotFoundHandler(sendMissing);

  const sourcesOf = (overview: Overview) => ({
    overview,
    watchedMs: watchedMs(),
    callsLeft: metrics.callsLeft,
  });

  function sendWorkspace(
    request: FastifyRequest,
    reply: FastifyReply,
    workspace: WatchedWorkspace,
  ): Promise<FastifyReply> {
    return sendPage(request, reply, async (overview, moment) => {
      const history = await readings.history(workspace.name);
      const view = viewOf(workspace, sourcesOf(overview));
      return workspacePage(view, history, moment, workspace === only);
    });
  }

  async function sendPage(
    request: FastifyRequest,
    reply: FastifyReply,
    render: (overview: Overview, moment: PageMoment) => Promise<string>,
  ): Promise<FastifyReply> {
    const moment = momentOf(request);
    const asHtml = reply.type('text/html; charset=utf-8');
    try {
      const { migrations, overview } = await readings.glance();
      if (overview === null) throw notOurTables(migrations);
      return asHtml.send(await render(overview, { ...moment, now: overview.now }));
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      return asHtml.code(503).send(awayPage(error.message, workspaces, moment));
    }
  }
}

function sendMissing(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const page = missingPage(momentOf(request));
  return reply.code(404).type('text/html; charset=utf-8').send(page);
}

function momentOf({ url }: FastifyRequest): PageMoment {
  const [path = '/', query] = url.split('?');
  return {
    now: new Date(),
    path,
    isStill: new URLSearchParams(query).get('refresh') === 'off',
  };
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

function overviewIn(glance: Glance | SyncError): Overview | null {
  return glance instanceof SyncError ? null : glance.overview;
}

function notOurTables(migrations: MigrationState): SyncError {
  return new SyncError('database', `The tables in the database are ${migrations}`);
}

function readingOf(workspace: WatchedWorkspace, overview: Overview | null): WorkspaceReading {
  const glance = overview === null ? null : glanceAt(overview, workspace.name);
  const age = (instant: Date | null | undefined) =>
    overview === null || !instant
      ? null
      : Math.max(0, overview.now.getTime() - instant.getTime()) / 1000;
  return {
    workspace: workspace.name,
    isRefused: workspace.isRefused(),
    staleAfterSeconds: workspace.staleAfterMs / 1000,
    lastSuccessAgeSeconds: age(glance?.lastSuccessAt),
    lagSeconds: age(glance?.watermark),
    runAgeSeconds: glance?.progress ? age(glance.newest?.startedAt) : null,
    openRejects: glance?.openRejects ?? null,
    userCount: glance?.userCount ?? null,
  };
}
