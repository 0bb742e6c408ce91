import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { readCompose } from './deployed.ts';

const { secrets: service, postgres, worker } = readCompose().services;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  for (const name of ['given', 'handed-on', 'bin']) mkdirSync(join(folder, name));
  // Whoever runs the tests may not give files away.
  writeFileSync(join(folder, 'bin/chown'), '#!/bin/sh\n', { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true }));

const handedOn = (name: string) => readFileSync(join(folder, 'handed-on', name), 'utf8');

/** What the service of docker-compose.yml does, with its folders elsewhere. */
function handOn(given: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(given))
    writeFileSync(join(folder, 'given', name), text);
  const script = (service?.command.join('\n') ?? '')
    .replaceAll('$$', '$')
    .replaceAll('/run/intercom-sync', join(folder, 'handed-on'))
    .replaceAll('/run/secrets', join(folder, 'given'));
  const env = { PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
  return spawnSync('sh', ['-euc', script], { env, encoding: 'utf8', timeout: 30_000 });
}

test('the secrets arrive where the program and the database look for them', () => {
  expect(handOn({ intercom_access_token: 'a-token', sync_webhook_url: '' })).toMatchObject({
    status: 0,
    stderr: '',
  });
  const files = Object.entries({ ...worker?.environment, ...postgres?.environment })
    .filter(([name]) => name.endsWith('_FILE'))
    .map(([name, path]) => [name, String(path).replace('/run/intercom-sync/', '')] as const);
  expect(files.map(([, name]) => name).sort()).toEqual(readdirSync(join(folder, 'handed-on')));

  const here = files.map(([name, file]) => [name, join(folder, 'handed-on', file)]);
  const config = parseConfig(Object.fromEntries(here), { intercom: true });
  expect(config.workspaces[0]?.accessToken).toBe('a-token');
  const { username, password, hostname } = new URL(config.databaseUrl);
  expect({ username, hostname }).toEqual({
    username: postgres?.environment.POSTGRES_USER,
    hostname: 'postgres',
  });
  expect(password).toMatch(/^[0-9a-f]{48}$/);
  expect(handedOn('database_password')).toBe(password);
});

test('each file is for its owner alone, and nobody else can list them', () => {
  handOn({ intercom_access_token: 'a-token' });
  const modeOf = (path: string) => statSync(join(folder, path)).mode & 0o777;
  for (const name of readdirSync(join(folder, 'handed-on'))) {
    expect(modeOf(`handed-on/${name}`)).toBe(0o600);
  }
  expect(modeOf('handed-on')).toBe(0o711);
});

test('another time the token is the new one, and the password the old one', () => {
  handOn({ intercom_access_token: 'a-token' });
  const password = handedOn('database_password');
  handOn({ intercom_access_token: 'another' });
  expect(handedOn('intercom_access_token')).toBe('another');
  expect(handedOn('database_password')).toBe(password);
  expect(handedOn('database_url')).toContain(password);
});

test.each([[{}], [{ intercom_access_token: '' }]])(
  'without a token it says what to do: %j',
  (given) => {
    expect(handOn(given)).toMatchObject({
      status: 2,
      stderr: 'Put INTERCOM_ACCESS_TOKEN into .env.\n',
    });
  },
);
