import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SyncError } from '../errors.ts';
import { newerSchema } from '../postgres/migrate.ts';
import type { Overview } from '../postgres/overview.ts';
import type { ShownParts } from './http-probes.ts';
import { viewAll, viewOf } from './page/data.ts';
import {
  awayPage,
  missingPage,
  overviewPage,
  type PageMoment,
  workspacePage,
} from './page/page.ts';
import type { WatchedWorkspace } from './watched.ts';

/** What people ask: the overview, or the one workspace that there is; and each of many. */
export function addPages(app: FastifyInstance, parts: ShownParts): void {
  const { workspaces } = parts;
  const only = workspaces.length === 1 ? workspaces[0] : undefined;

  app.get('/', (request, reply) =>
    only ? sendWorkspace(request, reply, only) : sendOverview(request, reply),
  );

  app.get<{ Params: { name: string } }>('/workspaces/:name', async (request, reply) => {
    const workspace = workspaces.find(({ name }) => name === request.params.name);
    return workspace ? sendWorkspace(request, reply, workspace) : sendMissing(request, reply);
  });

  app.setNotFoundHandler(sendMissing);

  function sendOverview(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return sendPage(request, reply, async (overview, moment) =>
      overviewPage(viewAll(workspaces, sourcesOf(overview)), moment),
    );
  }

  function sendWorkspace(
    request: FastifyRequest,
    reply: FastifyReply,
    workspace: WatchedWorkspace,
  ): Promise<FastifyReply> {
    return sendPage(request, reply, async (overview, moment) => {
      const history = await parts.readings.history(workspace.name);
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
      const overview = await readOverview();
      return asHtml.send(await render(overview, { ...moment, now: overview.now }));
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      return asHtml.code(503).send(awayPage(error, workspaces, moment));
    }
  }

  async function readOverview(): Promise<Overview> {
    const { migrations, overview } = await parts.readings.glance();
    if (overview !== null) return overview;
    if (migrations === 'newer') throw newerSchema();
    throw new SyncError(
      'database',
      `its tables are not those of this program yet (${migrations})`,
      'wait: a worker that starts brings them up to date, and its log says why if it cannot',
    );
  }

  function sourcesOf(overview: Overview) {
    const { callsLeft } = parts.metrics;
    return { overview, watchedMs: parts.watchedMs(), callsLeft };
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
