import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import type { CustomAnswer, Faults } from './faults.ts';
import type { Loss, Refusal } from './mishaps.ts';
import { scrollExists, scrollNotFound } from './scroll.ts';

export function refuse(
  fault: Refusal,
  rateHeaders: Record<string, string>,
  limit: number,
  faults: Faults,
): Answer {
  const fail = (status: number, code: string, message: string): Answer =>
    withHeaders(errorAnswer({ status, code, message }, faults), rateHeaders);
  switch (fault) {
    case 'status401':
      return errorAnswer(
        { status: 401, code: 'unauthorized', message: 'Access Token Invalid' },
        faults,
      );
    case 'status402':
      return fail(402, 'api_plan_restricted', 'Active subscription needed.');
    case 'status403':
      return fail(403, 'forbidden', 'You do not have permission to do this.');
    case 'status408':
      return fail(408, 'request_timeout', 'The request timed out.');
    case 'status429':
      return withHeaders(tooManyRequests(limit, faults), rateHeaders);
    case 'status429bare':
      return tooManyRequests(limit, { ...faults, retryAfterSeconds: null });
    case 'status429retryAfter':
      return tooManyRequests(limit, {
        ...faults,
        retryAfterSeconds: faults.retryAfterSeconds ?? 1,
      });
    case 'status502':
      return withHeaders(html(502, 'Bad Gateway'), rateHeaders);
    case 'status503':
      return fail(503, 'service_unavailable', 'Sorry, the API is temporarily unavailable.');
    case 'scrollExists':
      return withHeaders(scrollExists(faults), rateHeaders);
    case 'scrollNotFound':
      return withHeaders(scrollNotFound(faults), rateHeaders);
  }
}

export function lose(fault: Loss, right: Answer, target: URL, faults: Faults): Answer {
  const fail = (status: number, code: string, message: string): Answer =>
    errorAnswer({ status, code, message }, faults);
  switch (fault) {
    case 'status500':
      return fail(500, 'server_error', 'Something went wrong on our side.');
    case 'status500null':
      return jsonAnswer('null', 500);
    case 'status500scroll':
      return fail(500, 'server_error', SCROLL_FAILED);
    case 'status504html':
      return html(504, 'Gateway Time-out');
    case 'empty200':
      return { ...right, status: 200, body: '' };
    case 'html200':
      return html(200, 'Please stand by');
    case 'errorList200':
      return fail(200, 'server_error', 'Something went wrong, and the status does not say so.');
    case 'truncatedJson':
      return { ...right, body: right.body.slice(0, Math.ceil(right.body.length / 2)) };
    case 'redirectSame':
      return redirect(target.href);
    case 'redirectOther':
      return redirect(new URL(target.pathname + target.search, faults.redirectOrigin).href);
  }
}

const SCROLL_FAILED =
  'Request failed due to an internal network error. Please restart the scroll operation.';

export function tooManyRequests(limit: number, faults: Faults): Answer {
  const message = `Exceeded rate limit of ${limit} in 10_seconds`;
  const answer = errorAnswer({ status: 429, code: 'rate_limit_exceeded', message }, faults);
  if (faults.retryAfterSeconds === null) return answer;
  return withHeaders(answer, { 'Retry-After': String(faults.retryAfterSeconds) });
}

function html(status: number, title: string): Answer {
  const body = `<html>\n<head><title>${title}</title></head>\n<body><h1>${title}</h1></body>\n</html>\n`;
  return { status, headers: { 'content-type': 'text/html' }, body };
}

function redirect(location: string): Answer {
  return { status: 302, headers: { location }, body: '' };
}

export function custom(answer: CustomAnswer): Answer {
  return { status: answer.status, headers: answer.headers ?? {}, body: answer.body ?? '' };
}

export function withHeaders(answer: Answer, headers: Record<string, string>): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
