import { InvalidArgumentError, Option } from 'commander';
import type { FaultRule, Faults } from '../simulator/faults.ts';
import { type AnswerFault, deliveries, losses, refusals } from '../simulator/mishaps.ts';

type Flag =
  | { kind: 'on' | 'count' | 'number' | 'text' | 'origin'; says: string }
  | { kind: 'choice'; choices: readonly string[]; says: string };

type FaultField = Exclude<keyof Faults, 'rules'>;

/** A flag for every fault: the type asks for one as soon as there is a new fault. */
const flags: Record<FaultField, Flag> = {
  limit: choice('what a list answers beyond its limit', 'refused', 'model', 'emptied', 'none'),
  limitRows: count('how many rows a list reaches (10000)'),
  straddlingPage: choice('a page that crosses the limit', 'refused', 'served', 'cut'),
  totalCount: choice('what is told', 'right', 'capped', 'missing', 'off', 'falling'),
  totalCountOff: { kind: 'number', says: 'by how much an off or falling count is wrong (-100)' },
  end: choice('how the last page says so', 'null', 'absent', 'empty'),
  limitedAbsent: on('leave out `limited`'),
  pagesTypeAbsent: on('leave out the type of `pages`'),
  nextFilters: choice('what `next` carries', 'kept', 'paging', 'dropped'),
  nextOrigin: { kind: 'origin', says: '`next` names this origin' },
  unstableTies: on('users with equal times come in another order at each request'),
  indexLagMs: count('how far the index of updated_at is behind'),
  updatesPerPage: count('users changed before each page'),
  createsPerPage: count('users created before each page'),
  deletesPerPage: count('users deleted before each page'),
  scrollParam: choice('scroll_param from page to page', 'same', 'changing'),
  scrollShortPages: on('pages of a scroll shorter than a hundred before its end'),
  scrollLifeMs: count('how long a scroll lives unused (60000)'),
  scrollLockMs: count('how much longer than the scroll its lock lives'),
  scrollHeldByOther: on('another vendor holds the scroll'),
  meRefused: on('/me answers 403'),
  meAppId: text('the app that /me names in place of the real one'),
  versionRefused: on('every version is answered as 2.x is'),
  versionWithoutHeader: text('the version of requests that name none (1.4)'),
  keysByVersion: on('leave out the keys that were dropped from 1.2 on'),
  tokenRevokedAfter: count('requests after which the token is revoked'),
  otherClientPerWindow: count("requests of another client in each window's budget"),
  rateHeaders: choice('X-RateLimit-*', 'present', 'absent-on-429', 'absent'),
  rateReset: choice('X-RateLimit-Reset', 'right', 'past', 'far'),
  retryAfterSeconds: count('a Retry-After on each 429'),
  requestId: choice('request_id in errors', 'present', 'missing', 'null'),
  errorKey: choice('the key of an error', 'code', 'type'),
  dateAbsent: on('leave out the Date header'),
  clockOffsetMs: { kind: 'number', says: 'how far the clock of the server is off' },
  latencyMs: count('how long each answer takes'),
  slowMs: count('how long an answer takes that is slow (5000)'),
  dripBytesPerSecond: count('the speed of an answer that drips (5)'),
  redirectOrigin: { kind: 'origin', says: 'where a redirect-other leads' },
};

const answers: readonly AnswerFault[] = [...refusals, ...losses, ...deliveries];

export function faultOptions(): Option[] {
  const fields = Object.entries(flags).map(([field, flag]) => optionOf(field, flag));
  const mishaps = answers.map((answer) =>
    new Option(`--${kebab(answer)} <every>`, `every Nth request: ${kebab(answer)}`).argParser(
      (value) => countFrom(1, value),
    ),
  );
  const rule = new Option(
    '--rule <rule...>',
    'answer wrongly what matches, as in status-500-null:path=/users,nth=3 (nth, every, from, times)',
  ).argParser((value, earlier: FaultRule[] = []) => [...earlier, parseRule(value)]);
  return [...fields, ...mishaps, rule];
}

/** The faults that these parsed flags ask for. */
export function readFaults(
  values: Record<string, unknown>,
): Partial<Faults> & { rules: FaultRule[] } {
  const faults: Record<string, unknown> = {};
  for (const [field, flag] of Object.entries(flags)) {
    const value = values[optionOf(field, flag).attributeName()];
    if (value !== undefined) faults[field] = value;
  }
  const rules = answers.flatMap((answer): FaultRule[] => {
    const every = values[new Option(`--${kebab(answer)} <every>`).attributeName()];
    return typeof every === 'number' ? [{ answer, match: { every } }] : [];
  });
  const written = (values.rule ?? []) as FaultRule[];
  return { ...faults, rules: [...written, ...rules] };
}

function on(says: string): Flag {
  return { kind: 'on', says };
}

function count(says: string): Flag {
  return { kind: 'count', says };
}

function text(says: string): Flag {
  return { kind: 'text', says };
}

function choice(says: string, ...choices: string[]): Flag {
  return { kind: 'choice', choices, says };
}

function optionOf(field: string, flag: Flag): Option {
  const name = `--${kebab(field)}`;
  switch (flag.kind) {
    case 'on':
      return new Option(name, flag.says);
    case 'count':
      return new Option(`${name} <number>`, flag.says).argParser((value) => countFrom(0, value));
    case 'number':
      return new Option(`${name} <number>`, flag.says).argParser(wholeNumber);
    case 'choice':
      return new Option(`${name} <how>`, flag.says).choices(flag.choices);
    case 'origin':
      return new Option(`${name} <url>`, flag.says).argParser(origin);
    case 'text':
      return new Option(`${name} <text>`, flag.says);
  }
}

/** totalCount becomes total-count, status500null becomes status-500-null. */
function kebab(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    .replace(/([a-z])(\d)/g, '$1-$2')
    .replace(/(\d)([a-z])/g, '$1-$2');
}

function countFrom(least: number, value: string): number {
  if (/^\d{1,12}$/.test(value) && Number(value) >= least) return Number(value);
  throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
}

function wholeNumber(value: string): number {
  if (/^-?\d{1,12}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('It must be a whole number.');
}

function origin(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin;
  throw new InvalidArgumentError('It must be an origin such as http://127.0.0.1:8080.');
}

/** `status-500-null:path=/users,nth=3` as a rule. */
function parseRule(written: string): FaultRule {
  const [name = '', conditions = ''] = written.split(/:(.*)/s);
  const answer = answers.find((known) => known === name || kebab(known) === name);
  if (answer === undefined) {
    throw new InvalidArgumentError(
      `There is no fault '${name}': ${answers.map(kebab).join(', ')}.`,
    );
  }
  const rule: FaultRule & { match: NonNullable<FaultRule['match']> } = { answer, match: {} };
  for (const condition of conditions === '' ? [] : conditions.split(',')) {
    const [key, value = ''] = condition.split('=');
    if (key === 'path') rule.match.path = value;
    else if (key === 'nth' || key === 'every' || key === 'from')
      rule.match[key] = countFrom(1, value);
    else if (key === 'times') rule.times = countFrom(1, value);
    else throw new InvalidArgumentError(`'${key}' is none of path, nth, every, from, times.`);
  }
  return rule;
}
