import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../src/intercom/client.ts';
import { type CannedAnswer, serve } from '../support/canned-server.ts';

const MIB = 1024 * 1024;
const never = new AbortController().signal;
const ask = (url: URL, signal = never) =>
  createClient({
    baseUrl: url,
    accessToken: 'token',
    apiVersion: '1.4',
    requestTimeoutMs: 60_000,
  }).get('/users', ({ json }) => json, signal);

function gzipped(body: string, cutTo = Number.POSITIVE_INFINITY): CannedAnswer {
  return { headers: { 'content-encoding': 'gzip' }, body: gzipSync(body).subarray(0, cutTo) };
}

describe('a compressed answer', () => {
  test('is asked for, and read', async () => {
    const server = await serve(() => gzipped('{"name":"Zoë 🦊"}'));
    await expect(ask(server.url)).resolves.toMatchObject({ value: { name: 'Zoë 🦊' } });
    expect(server.requests[0]?.headers['accept-encoding']).toBe('gzip');
  });

  test('that unfolds to more than 64 MiB is given up', async () => {
    const server = await serve(() => gzipped(' '.repeat(64 * MIB + 1)));
    await expect(ask(server.url)).rejects.toThrow('an answer is longer than 67108864 bytes');
  });

  test.each(['gzip', 'x-gzip', 'GZIP'])('is read where it is called %s', async (name) => {
    const server = await serve(() => ({
      ...gzipped('{"a":1}'),
      headers: { 'content-encoding': name },
    }));
    await expect(ask(server.url)).resolves.toMatchObject({ value: { a: 1 } });
  });

  test('without a body is what its status says', async () => {
    const headers = { 'content-encoding': 'gzip' };
    const server = await serve(() => ({ status: 401, headers, body: '' }));
    await expect(ask(server.url)).rejects.toMatchObject({ kind: 'credentials' });
  });

  test('that is cut short may have been carried out', async () => {
    const server = await serve(() => gzipped('{"name":"Ada"}', 20));
    await expect(ask(server.url)).rejects.toMatchObject({
      kind: 'source',
      recovery: 'unsure',
      message: expect.stringContaining('(Z_BUF_ERROR)'),
    });
  });
});

test('a request whose connection never came about was not sent', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  // Without a certificate no TLS connection can be made.
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await expect(ask(new URL(`https://127.0.0.1:${port}`))).rejects.toMatchObject({
    kind: 'source',
    recovery: 'unsent',
  });
});

// Linux makes no more connections than a server that accepts none has said that it will hold.
test('a connection that nobody accepts is given up after ten seconds', async () => {
  const script = `const server = require('node:net').createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [port] = await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  const held = Array.from({ length: 8 }, () => connect(Number(port), '127.0.0.1'));
  onTestFinished(() => held.forEach((socket) => void socket.destroy()));
  await expect(ask(new URL(`http://127.0.0.1:${Number(port)}`))).rejects.toMatchObject({
    recovery: 'unsent',
    message: expect.stringContaining('(CONNECT_TIMEOUT)'),
  });
});

test('an answer that takes longer than a connection may is waited for', async () => {
  const server = await serve(
    () => new Promise((resolve) => setTimeout(resolve, 10_500, { body: { late: true } })),
  );
  await expect(ask(server.url)).resolves.toMatchObject({ value: { late: true } });
});

test('an answer that changes the protocol ends the call', async () => {
  const server = await serve(() => (response) => {
    response.socket?.end(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    );
  });
  await expect(ask(server.url)).rejects.toMatchObject({ kind: 'source', recovery: 'unsure' });
});

test('a thousand calls leave nothing on the signal that they share', async () => {
  const server = await serve(() => ({ body: {} }));
  const { signal } = new AbortController();
  for (let call = 0; call < 1_000; call += 1) await ask(server.url, signal);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('nothing is asked once the signal has spoken', async () => {
  const server = await serve(() => ({ body: {} }));
  await expect(ask(server.url, AbortSignal.abort('stop'))).rejects.toBe('stop');
  expect(server.requests).toEqual([]);
});
