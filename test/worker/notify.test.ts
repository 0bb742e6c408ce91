import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EventLog, Fields } from '../../src/sync/report.ts';
import { createNotifier, type Notice } from '../../src/worker/notify.ts';

const NOTICE: Notice = { workspace: 'acme', runId: '7', kind: 'failure', message: 'it failed' };
const DRAIN_MAX_MS = 60_000;
/** In the address, as such addresses have it. */
const SECRET = 'T0P-SECRET';

interface Receiver {
  readonly url: URL;
  readonly bodies: string[];
  readonly paths: (string | undefined)[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  close(): Promise<void>;
}

let receiver: Receiver;
let logged: [string, Fields | undefined][];
beforeEach(async () => {
  receiver = await startReceiver();
  logged = [];
  return () => receiver.close();
});

async function startReceiver(): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    made.bodies.push(body);
    made.paths.push(request.url);
    made.answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const made: Receiver = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${SECRET}`),
    bodies: [],
    paths: [],
    answer: (_, response) => response.end(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return made;
}

const answerWith =
  (status: number, headers: Record<string, string> = {}): Receiver['answer'] =>
  (_, response) =>
    response.writeHead(status, headers).end();

function open(url: URL | null = receiver.url, more: { answerMaxMs?: number } = {}) {
  const note = (event: string, fields?: Fields) => {
    logged.push([event, fields]);
  };
  const log: EventLog = { debug: note, info: note, warn: note, error: note, with: () => log };
  return createNotifier({ url, log, retryWaitsMs: [1, 1, 1], ...more });
}

afterEach(() => expect(JSON.stringify(logged)).not.toContain(SECRET));

test('a notice is posted as one JSON object', async () => {
  const notifier = open();
  notifier.notify(NOTICE);
  await notifier.close(DRAIN_MAX_MS);
  expect(receiver.bodies.map((body) => JSON.parse(body))).toEqual([
    {
      ...{ workspace: 'acme', run_id: '7', kind: 'failure', message: 'it failed' },
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    },
  ]);
  expect(logged).toEqual([]);
});

test('without an address nobody is told, and nothing is held', async () => {
  const notifier = open(null);
  notifier.notify(NOTICE);
  await notifier.close(DRAIN_MAX_MS);
  expect(receiver.bodies).toEqual([]);
});

describe('a receiver', () => {
  test.each([500, 503, 429, 408])(
    'that answers %i is tried again, until it takes it',
    async (status) => {
      receiver.answer = (...answer) =>
        answerWith(receiver.bodies.length < 3 ? status : 204)(...answer);
      const notifier = open();
      notifier.notify(NOTICE);
      await notifier.close(DRAIN_MAX_MS);
      expect(receiver.bodies).toHaveLength(3);
      expect(new Set(receiver.bodies).size).toBe(1);
      expect(logged).toEqual([]);
    },
  );

  test('that stays broken is given up after the last try, and the log says so', async () => {
    receiver.answer = answerWith(500);
    const notifier = open();
    notifier.notify(NOTICE);
    await notifier.close(DRAIN_MAX_MS);
    expect(receiver.bodies).toHaveLength(4);
    expect(logged).toEqual([
      ['notice_undelivered', { workspace: 'acme', kind: 'failure', reason: 'status 500' }],
    ]);
  });

  test.each([400, 401, 404, 410])('that answers %i is not asked again', async (status) => {
    receiver.answer = answerWith(status);
    const notifier = open();
    notifier.notify(NOTICE);
    await notifier.close(DRAIN_MAX_MS);
    expect(receiver.bodies).toHaveLength(1);
    expect(logged).toMatchObject([['notice_undelivered', { reason: `status ${status}` }]]);
  });

  test('that redirects is not followed', async () => {
    receiver.answer = answerWith(307, { location: '/elsewhere' });
    const notifier = open();
    notifier.notify(NOTICE);
    await notifier.close(DRAIN_MAX_MS);
    expect(receiver.paths).toEqual([`/${SECRET}`]);
    expect(logged).toMatchObject([['notice_undelivered', { reason: 'status 307' }]]);
  });

  test('that never answers is given up after its time', async () => {
    receiver.answer = () => {};
    const notifier = open(receiver.url, { answerMaxMs: 20 });
    notifier.notify(NOTICE);
    await notifier.close(DRAIN_MAX_MS);
    expect(logged).toMatchObject([['notice_undelivered', { reason: 'TimeoutError' }]]);
  });

  test('that is not there is told of by the system’s code alone', async () => {
    await receiver.close();
    const notifier = open();
    notifier.notify(NOTICE);
    await notifier.close(DRAIN_MAX_MS);
    expect(logged).toMatchObject([['notice_undelivered', { reason: 'ECONNREFUSED' }]]);
    receiver = await startReceiver();
  });
});

test('notices arrive in their order, and beyond a hundred that wait the rest is dropped', async () => {
  const notifier = open();
  for (let count = 0; count < 130; count += 1) {
    notifier.notify({ ...NOTICE, message: `${count}` });
  }
  await notifier.close(DRAIN_MAX_MS);
  const arrived = receiver.bodies.map((body) => JSON.parse(body).message);
  expect(arrived).toEqual([...Array(100).keys()].map(String));
  expect(logged).toHaveLength(30);
  expect(logged[0]).toEqual(['notice_dropped', { workspace: 'acme', kind: 'failure' }]);
});

test('closing gives up what a receiver does not take in time', async () => {
  receiver.answer = () => {};
  const notifier = open();
  notifier.notify(NOTICE);
  notifier.notify(NOTICE);
  await notifier.close(1);
  expect(logged.map(([event]) => event)).toEqual(['notice_undelivered', 'notice_undelivered']);
  notifier.notify(NOTICE);
  expect(logged).toHaveLength(2);
});
