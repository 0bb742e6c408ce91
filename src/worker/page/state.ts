import type { RunGlance, WorkspaceGlance } from '../../postgres/overview.ts';
import { isTooOld, type Patience } from '../freshness.ts';
import { adviceFor } from './advice.ts';

/** How a workspace is, in one word and one sentence. */
export interface State {
  readonly label: string;
  readonly tone: Tone;
  readonly sentence: string;
  /** What to do about it; null where there is nothing to do. */
  readonly advice: string | null;
}

/** Worst first: `bad` needs a person, `warn` mends itself or is about to need one. */
export const TONES = ['bad', 'warn', 'idle', 'busy', 'good'] as const;
export type Tone = (typeof TONES)[number];

export interface Watch extends Patience {
  /** Intercom refused the token, as far as this worker has seen. */
  readonly isRefused: boolean;
}

export function judge(glance: WorkspaceGlance, now: Date, watch: Watch): State {
  const { progress, lastEnded, newest, lastSuccessAt } = glance;
  const failed = lastEnded?.status === 'failed' ? lastEnded : null;
  const isOld = isTooOld(glance, now, watch);
  if (progress === null && (watch.isRefused || failed?.errorKind === 'credentials')) {
    return refused(failed);
  }
  if (progress !== null) return busy(failed, isOld, lastSuccessAt === null);
  if (isOld) return tooOld(failed, lastSuccessAt === null);
  if (newest?.status === 'running') return LEFT_ALONE;
  if (failed !== null) return failedOnce(failed);
  if (lastSuccessAt === null) return newest === null ? WAITING : BEGUN;
  return UP_TO_DATE;
}

function refused(failed: RunGlance | null): State {
  return {
    label: 'Token refused',
    tone: 'bad',
    sentence: `Intercom refuses this workspace’s access token, so its users are not read any more.`,
    advice: adviceFor('credentials', failed?.errorMessage ?? null),
  };
}

function busy(failed: RunGlance | null, isOld: boolean, isFirst: boolean): State {
  if (failed !== null) {
    return {
      label: 'Trying again',
      tone: isOld ? 'bad' : 'warn',
      sentence: `The run before this one failed: ${reasonOf(failed)}.`,
      advice: adviceFor(failed.errorKind, failed.errorMessage),
    };
  }
  const sentence = isFirst
    ? 'The users are being read for the first time.'
    : 'A run is on, and all is well.';
  return { label: isFirst ? 'First run' : 'Running', tone: 'busy', sentence, advice: null };
}

function tooOld(failed: RunGlance | null, isFirst: boolean): State {
  if (failed !== null) {
    return {
      label: 'Failing',
      tone: 'bad',
      sentence: `Runs fail, and the data is too old. The last failure: ${reasonOf(failed)}.`,
      advice: adviceFor(failed.errorKind, failed.errorMessage),
    };
  }
  return {
    label: 'Too old',
    tone: 'bad',
    sentence: isFirst
      ? 'No run has succeeded in all the time since this worker started.'
      : 'The last success is older than it may be, and no run is on.',
    advice:
      'Look whether a worker is running and whether its queue moves; the log says what it waits for.',
  };
}

function failedOnce(failed: RunGlance): State {
  return {
    label: 'Last run failed',
    tone: 'warn',
    sentence: `The last run failed: ${reasonOf(failed)}.`,
    advice: adviceFor(failed.errorKind, failed.errorMessage),
  };
}

const LEFT_ALONE: State = {
  label: 'Left alone',
  tone: 'warn',
  sentence: 'A run was begun, and whoever did it is gone.',
  advice: 'Nothing: another worker takes the workspace over within a minute.',
};

const WAITING: State = {
  label: 'Not begun',
  tone: 'idle',
  sentence: 'No run has begun yet; the first one reads every user.',
  advice: null,
};

const BEGUN: State = {
  label: 'Not read yet',
  tone: 'idle',
  sentence: 'A first run was stopped; the next one goes on.',
  advice: null,
};

const UP_TO_DATE: State = {
  label: 'Up to date',
  tone: 'good',
  sentence: 'The last run succeeded, and nothing is to be done.',
  advice: null,
};

/** Messages are ours, and sentences without their full stop. */
function reasonOf({ errorKind, errorMessage }: RunGlance): string {
  return (errorMessage ?? `an error of kind ${errorKind ?? 'unknown'}`).replace(/\.$/, '');
}
