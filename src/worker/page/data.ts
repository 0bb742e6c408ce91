import type { Overview, WorkspaceGlance } from '../../postgres/overview.ts';
import type { NextRun, WatchedWorkspace } from '../watched.ts';
import { judge, type State, TONES } from './state.ts';

/** A workspace as it is shown. */
export interface WorkspaceView {
  readonly name: string;
  readonly glance: WorkspaceGlance;
  readonly state: State;
  /** Null where none is planned, as long as the token is refused. */
  readonly nextRun: NextRun | null;
  /** Calls left in the rate window; null where no run of this worker is on, or none has been told. */
  readonly callsLeft: number | null;
}

export interface ViewSources {
  readonly overview: Overview;
  readonly watchedMs: number;
  callsLeft(workspace: string): number | null;
}

/** The worst first, and by name among equals. */
export function viewAll(
  workspaces: readonly WatchedWorkspace[],
  sources: ViewSources,
): readonly WorkspaceView[] {
  const severity = ({ state }: WorkspaceView) => TONES.indexOf(state.tone);
  return workspaces
    .map((workspace) => viewOf(workspace, sources))
    .sort((a, b) => severity(a) - severity(b) || (a.name < b.name ? -1 : 1));
}

export function viewOf(
  workspace: WatchedWorkspace,
  { overview, watchedMs, callsLeft }: ViewSources,
): WorkspaceView {
  const { name, staleAfterMs } = workspace;
  const glance = glanceAt(overview, name);
  const watch = { staleAfterMs, watchedMs, isRefused: workspace.isRefused() };
  return {
    name,
    glance,
    state: judge(glance, overview.now, watch),
    nextRun: watch.isRefused ? null : workspace.nextRun(),
    callsLeft: callsLeft(name),
  };
}

export function glanceAt({ workspaces }: Overview, workspace: string): WorkspaceGlance {
  const glance = workspaces.get(workspace);
  if (!glance) throw new Error('a workspace that was not asked for');
  return glance;
}
