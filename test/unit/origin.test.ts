import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIntercomSource } from '../../src/intercom/source.ts';
import type { SourcePage } from '../../src/sync/source.ts';

type Answer = (path: string) => {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
};

interface Listener {
  server: Server;
  url: string;
  authorizations: (string | undefined)[];
  answer: Answer;
}

async function listen(): Promise<Listener> {
  const listener: Listener = {
    server: createServer(),
    url: '',
    authorizations: [],
    answer: () => ({}),
  };
  listener.server.on('request', (request, response) => {
    listener.authorizations.push(request.headers.authorization);
    const { status = 200, headers = {}, body = {} } = listener.answer(request.url ?? '');
    response.writeHead(status, headers).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
  listener.url = `http://127.0.0.1:${(listener.server.address() as AddressInfo).port}`;
  return listener;
}

let intercom: Listener;
let elsewhere: Listener;
beforeAll(async () => {
  [intercom, elsewhere] = [await listen(), await listen()];
});
afterAll(() => {
  intercom.server.close();
  elsewhere.server.close();
});
beforeEach(() => {
  intercom.authorizations = [];
  elsewhere.authorizations = [];
});

async function readAll(): Promise<SourcePage[]> {
  const source = createIntercomSource({
    baseUrl: new URL(intercom.url),
    accessToken: 'the-token',
    apiVersion: '1.4',
    requestTimeoutMs: 5_000,
    perPage: 50,
    rateShare: 1,
    scrollRestartWaitMs: 1,
    retry: { retriesMax: 1, firstWaitMs: 1, longestWaitMs: 1, elapsedMaxMs: 10_000 },
    signal: new AbortController().signal,
    onWait: () => {},
  });
  const pages: SourcePage[] = [];
  const pass = {
    name: 'list',
    sort: 'created_at',
    order: 'desc',
    createdSinceDays: null,
    resume: null,
  } as const;
  for await (const item of source.pages(pass)) if (item.kind === 'page') pages.push(item);
  await source.close();
  return pages;
}

const listOf = (next: string | null) => ({
  type: 'user.list',
  total_count: 1,
  users: [{ id: 'a' }],
  pages: { next },
});

describe('the token goes to the configured origin and nowhere else', () => {
  test('a pages.next at another origin is refused', async () => {
    intercom.answer = () => ({ body: listOf(`${elsewhere.url}/users?page=2`) });
    await expect(readAll()).rejects.toMatchObject({ kind: 'source' });
    expect(intercom.authorizations).toEqual(['Bearer the-token']);
    expect(elsewhere.authorizations).toEqual([]);
  });

  test('a redirect to another origin is refused', async () => {
    intercom.answer = () => ({ status: 302, headers: { location: `${elsewhere.url}/users` } });
    await expect(readAll()).rejects.toMatchObject({ kind: 'source' });
    expect(elsewhere.authorizations).toEqual([]);
  });

  test('a redirect within the origin is followed', async () => {
    intercom.answer = (path) =>
      path.startsWith('/users')
        ? { status: 307, headers: { location: '/moved' } }
        : { body: listOf(null) };
    expect(await readAll()).toHaveLength(1);
  });
});
