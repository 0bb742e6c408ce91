import type { Faults } from './faults.ts';

/** An answer before it is put on the wire. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export function jsonAnswer(body: string, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
}

interface Failure {
  status: number;
  code: string;
  message: string;
  field?: string;
}

let requestsFailed = 0;

/** Intercom's error body, in the form that the faults ask for. */
export function errorAnswer(failure: Failure, faults: Faults): Answer {
  const { status, code, message, field } = failure;
  const error = { [faults.errorKey]: code, message, ...(field === undefined ? {} : { field }) };
  requestsFailed += 1;
  const requestId = `simulated-${String(requestsFailed).padStart(10, '0')}`;
  const requestIds = {
    present: { request_id: requestId },
    null: { request_id: null },
    missing: {},
  };
  const body = { type: 'error.list', ...requestIds[faults.requestId], errors: [error] };
  return jsonAnswer(JSON.stringify(body), status);
}
