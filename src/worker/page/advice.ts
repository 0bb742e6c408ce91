/** What a person can do about a run that ended with an error of this kind. */
export function adviceFor(errorKind: string | null, errorMessage: string | null): string {
  return ADVICE[errorKind ?? ''] ?? `Look in the log for what is behind: ${errorMessage ?? 'it'}.`;
}

const ADVICE: Readonly<Record<string, string>> = {
  credentials:
    'Put a valid access token into the settings and start the worker again. What was read is kept, and the next run catches up.',
  settings: 'Correct the setting that is named and start the worker again.',
  source:
    'It is tried again by itself. If that goes on, look at Intercom’s status page and at the network in between.',
  incomplete:
    'The next run reads the workspace again. What was read is kept, and nothing was marked as deleted. If it goes on, ask Intercom about its count.',
  database:
    'Look at the database: is it up, is its disk full, has somebody taken a permission away? The worker goes on by itself once it answers.',
  busy: 'Nothing: another run holds the workspace.',
  bug: 'Please report it with the log of the run. It is tried again with the next tick.',
};

/** The one warning that everybody with a large workspace sees, and nobody needs to act on. */
export const LIMIT_IN_WORDS =
  'Intercom lists 10,000 users at most, and this workspace has more. The program sees that and reads all users by Intercom’s scroll, which has no such limit. Nothing is to be done.';
