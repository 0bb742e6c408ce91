import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import { churn } from './churn.ts';
import type { Faults } from './faults.ts';
import { listUsers } from './list.ts';
import type { Dice } from './random.ts';
import { renderUser } from './render.ts';
import type { Scrolls } from './scroll.ts';
import type { Workspace } from './workspace.ts';

/** What the endpoints answer from. */
export interface Api {
  workspace: Workspace;
  scrolls: Scrolls;
  faults: Faults;
  appId: string;
  dice: Dice;
}

export interface Call {
  method: string;
  target: URL;
  version: string | undefined;
  now: Date;
  number: number;
}

/** One authenticated request's answer. */
export function answerCall(call: Call, api: Api): Answer {
  const { faults, workspace } = api;
  const path = call.target.pathname;
  const version = call.version ?? faults.versionWithoutHeader;
  const refusal = refuseVersion(version, path, faults);
  if (refusal !== undefined) return refusal;
  const parts = path.split('/').slice(1);
  if (call.method !== 'GET') return notFound('The requested resource does not exist.', faults);
  if (path === '/me') return me(api);
  if (path === '/users') {
    churn(workspace, faults, api.dice);
    const { number, now } = call;
    const { origin, searchParams: query } = call.target;
    return listUsers({ query, origin, version, now, number }, workspace, faults);
  }
  if (path === '/users/scroll') {
    churn(workspace, faults, api.dice);
    return api.scrolls.answer(call.target.searchParams.get('scroll_param'), version, call.now);
  }
  if (parts[0] === 'users' && parts.length === 2) {
    const user = workspace.get(decode(parts[1] ?? ''));
    if (user === undefined) return notFound('User Not Found', faults);
    return jsonAnswer(renderUser(user, version, faults));
  }
  return notFound('The requested resource does not exist.', faults);
}

/** 1.0 to 1.4 know users; from 2.0 on only `/me` is left of what is served here. */
function refuseVersion(version: string, path: string, faults: Faults): Answer | undefined {
  const isFirst = /^1\.[0-4]$/.test(version);
  const isLater = /^2\.\d+$/.test(version) || version === 'Unstable' || version === 'Preview';
  const code = 'intercom_version_invalid';
  if (!isFirst && !isLater) {
    return errorAnswer({ status: 400, code, message: 'The requested version is invalid' }, faults);
  }
  const isUsers = path === '/users' || path.startsWith('/users/');
  if (!isUsers || (isFirst && !faults.versionRefused)) return undefined;
  const message = 'Requested resource is not available in current API version';
  return errorAnswer({ status: 400, code, message }, faults);
}

function me({ appId, faults }: Api): Answer {
  if (faults.meRefused) {
    const message = 'You do not have permission to do this.';
    return errorAnswer({ status: 403, code: 'forbidden', message }, faults);
  }
  const admin = {
    type: 'admin',
    id: '1000',
    email: 'admin@example.com',
    name: 'Simulated Admin',
    email_verified: true,
    app: {
      type: 'app',
      id_code: faults.meAppId ?? appId,
      name: 'Simulated workspace',
      created_at: 1_400_000_000,
      secure: false,
      identity_verification: false,
      timezone: 'Europe/Dublin',
      region: 'US',
    },
    avatar: { type: 'avatar', image_url: null },
    has_inbox_seat: true,
  };
  return jsonAnswer(JSON.stringify(admin));
}

function notFound(message: string, faults: Faults): Answer {
  return errorAnswer({ status: 404, code: 'not_found', message }, faults);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
