import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { type ComposeService, readCompose } from './deployed.ts';

const { secrets, postgres, worker } = readCompose().services;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  for (const name of ['secrets', 'for-postgres', 'for-worker']) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

const handedOn = (path: string) => readFileSync(join(folder, path), 'utf8');

/** What the service `secrets` of docker-compose.yml does with an .env, in a folder of its own. */
function handOn(env: string) {
  writeFileSync(join(folder, 'secrets/env'), env);
  const moved = [...(secrets?.entrypoint ?? []), ...(secrets?.command ?? [])].map((word) =>
    word.replaceAll('$$', '$').replaceAll('/run/', `${folder}/`),
  );
  return spawnSync(process.execPath, moved.slice(1), {
    env: {},
    encoding: 'utf8',
    timeout: 60_000,
  });
}

/** The files that a service is told of, by the name of the variable that tells it. */
function filesOf(service: ComposeService | undefined, place: string): [string, string][] {
  return Object.entries(service?.environment ?? {}).flatMap(([name, path]) =>
    name.endsWith('_FILE')
      ? [[name, String(path).replace('/run/intercom-sync', join(folder, place))]]
      : [],
  );
}

test('the secrets of .env arrive where the program and the database look for them', () => {
  expect(secrets?.entrypoint?.[0]).toBe('node');
  const env = 'INTERCOM_ACCESS_TOKEN="a-token" # mine\nSYNC_WEBHOOK_URL=\n';
  expect(handOn(env)).toMatchObject({ status: 0, stdout: '', stderr: '' });

  const config = parseConfig(Object.fromEntries(filesOf(worker, 'for-worker')), { intercom: true });
  expect(config.workspaces[0]?.accessToken).toBe('a-token');
  const { username, password, hostname } = new URL(config.databaseUrl);
  expect({ username, hostname }).toEqual({
    username: postgres?.environment.POSTGRES_USER,
    hostname: 'postgres',
  });
  const [[, passwordFile = ''] = []] = filesOf(postgres, 'for-postgres');
  expect(readFileSync(passwordFile, 'utf8')).toBe(password);
  expect(password).toMatch(/^[0-9a-f]{48}$/);
});

test('the database is handed its password alone, and nothing is made that nobody reads', () => {
  handOn('INTERCOM_ACCESS_TOKEN=a-token');
  const made = (place: string) =>
    readdirSync(join(folder, place)).map((name) => join(folder, place, name));
  expect(made('for-postgres')).toEqual(filesOf(postgres, 'for-postgres').map(([, path]) => path));
  expect(made('for-worker')).toEqual(
    filesOf(worker, 'for-worker')
      .map(([, path]) => path)
      .sort(),
  );
});

test('another time the token is the new one, and the password the old one', () => {
  handOn('INTERCOM_ACCESS_TOKEN=a-token');
  const password = handedOn('for-postgres/database_password');
  handOn('INTERCOM_ACCESS_TOKEN=another');
  expect(handedOn('for-worker/intercom_access_token')).toBe('another');
  expect(handedOn('for-postgres/database_password')).toBe(password);
  expect(handedOn('for-worker/database_url')).toContain(password);
});

test('each workspace has its token handed on', () => {
  const env = 'INTERCOM_ACCESS_TOKEN__ACME=a-token\nINTERCOM_ACCESS_TOKEN__BETA=b-token\n';
  expect(handOn(env)).toMatchObject({ status: 0 });
  expect(handedOn('for-worker/intercom_access_token__acme')).toBe('a-token');
  expect(handedOn('for-worker/intercom_access_token__beta')).toBe('b-token');
});

test('without a token it says what to do, and makes nothing', () => {
  for (const env of ['', 'INTERCOM_ACCESS_TOKEN=\n']) {
    expect(handOn(env)).toMatchObject({
      status: 2,
      stderr: 'Put INTERCOM_ACCESS_TOKEN into .env.\n',
    });
  }
  expect(readdirSync(join(folder, 'for-worker'))).toEqual([]);
});
