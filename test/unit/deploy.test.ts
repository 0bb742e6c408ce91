import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type SimulatorCliOptions, simulatorCommand } from '../../src/cli/simulator.ts';
import { type Environment, parseConfig } from '../../src/config.ts';
import { assignments, readCompose, readDeployed, readFromRoot, readManifests } from './deployed.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const PORT = 8080;

const LEAST: Environment = { DATABASE_URL: 'embedded', INTERCOM_ACCESS_TOKEN: 'a-token' };
const deployed = readDeployed();
const compose = readCompose();
const services = Object.entries(compose.services);
const settings = settingsOfTheProgram();

/** A program that is asked to stop has ended by then, or ends itself. */
function stopWithinSeconds(): number {
  const [, ms = ''] = /STOP_WITHIN_MS = ([\d_]+);/.exec(readFromRoot('src/main.ts')) ?? [];
  return ms === '' ? Number.NaN : Number(ms.replaceAll('_', '')) / 1000;
}

/** The variables that the program asks for; a secret is one that may come from a file. */
function settingsOfTheProgram(): { names: Set<string>; secrets: Set<string> } {
  const names = new Set<string>();
  const asked = new Proxy(LEAST, {
    get(target, name) {
      names.add(String(name));
      return target[String(name)];
    },
  });
  parseConfig(asked, { intercom: true });
  const files = [...names].filter((name) => name.endsWith('_FILE'));
  return { names, secrets: new Set(files.map((name) => name.slice(0, -'_FILE'.length))) };
}

test('the program’s own settings are found', () => {
  expect([...settings.names]).toEqual(expect.arrayContaining(['LOG_LEVEL', 'DATABASE_URL_FILE']));
  expect([...settings.secrets]).toEqual(
    expect.arrayContaining(['DATABASE_URL', 'INTERCOM_ACCESS_TOKEN']),
  );
});

test('every way to run the program is found', () => {
  expect(deployed.map(({ name }) => name)).toEqual([
    'docker-compose.yml, worker',
    'docker-compose.yml, demo',
    'docker-compose.yml, simulator',
    'deploy/kubernetes/cronjob.yaml',
    'deploy/kubernetes/deployment.yaml',
    'deploy/systemd/intercom-sync.service',
    'deploy/systemd/intercom-sync-worker.service',
    'deploy/cron/intercom-sync',
  ]);
});

test.each([
  ...['package.json', 'Dockerfile', 'deploy/cron/intercom-sync'],
  ...['deploy/systemd/intercom-sync.service', 'deploy/systemd/intercom-sync-worker.service'],
])("%s keeps Node's memory small", (file) => {
  const words = readFromRoot(file).match(/--max-[\w-]+=\d+/g);
  expect([...new Set(words)]).toEqual(['--max-semi-space-size=2', '--max-old-space-size=512']);
});

describe.each(deployed)('$name', ({ args, env, graceSeconds, image, isDemo }) => {
  test('runs a command that there is, with flags that there are', async () => {
    const [command = '', ...flags] = args;
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, command, '--help']);
    expect(stdout).toMatch(new RegExp(`^Usage: (intercom-sync )?${command} `));
    for (const flag of flags) expect(stdout).toContain(`${flag.split('=')[0]} `);
  });

  test('sets only variables that the program reads', () => {
    expect(Object.keys(env).filter((name) => !settings.names.has(name))).toEqual([]);
  });

  test('has no secret in its environment', () => {
    const open = Object.keys(env).filter((name) => settings.secrets.has(name));
    expect(open).toEqual(isDemo ? Object.keys(env).filter((name) => name in LEAST) : []);
  });

  test('has the time to finish its page when it is asked to stop', () => {
    expect(graceSeconds ?? Number.POSITIVE_INFINITY).toBeGreaterThan(stopWithinSeconds());
  });

  test('is this version of the program', () => {
    const [major, minor] = String(JSON.parse(readFromRoot('package.json')).version).split('.');
    const tag = image?.split('intercom-sync:')[1];
    expect(tag ?? `${major}.${minor}`).toBe(`${major}.${minor}`);
  });
});

describe('docker-compose.yml', () => {
  test.each(services)('%s is pinned, bounded, and may do little', (name, service) => {
    expect(service.image).toMatch(/:\d+(\.\d+)*$/);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    expect(service.read_only).toBe(true);
    // The one that makes files of the secrets may read what is for its owner alone; it has no network.
    const runsOnce = name === 'secrets';
    expect(service).toMatchObject(
      runsOnce ? { restart: 'no', network_mode: 'none' } : { restart: 'unless-stopped' },
    );
    expect(service.user === 'root').toBe(runsOnce);
  });

  test('every profile that .env can name starts a worker and its database', () => {
    const { COMPOSE_PROFILES } = Object.fromEntries(assignments(readFromRoot('.env.example')));
    const started = (profile?: string) =>
      services
        .filter(([, { profiles }]) => profiles.includes(String(profile)))
        .map(([name]) => name);
    expect(started(COMPOSE_PROFILES)).toEqual(['postgres', 'worker', 'secrets']);
    expect(started('demo')).toEqual(['demo', 'simulator', 'demo-postgres']);
  });

  test('everything in .env.example is used', () => {
    const passedOn = Object.entries(compose.services.worker?.environment ?? {})
      .filter(([, value]) => value === null)
      .map(([name]) => name);
    const handedOn = compose.services.secrets?.command.join() ?? '';
    const unused = assignments(readFromRoot('.env.example'))
      .map(([name]) => name)
      .filter((name) => !passedOn.includes(name) && !handedOn.includes(name));
    expect(unused).toEqual(['COMPOSE_PROFILES']);
  });

  test('shows the page on this machine alone, at the port of the program', () => {
    const published = services.filter(([, { ports }]) => ports.length > 0);
    expect(published.map(([name]) => name)).toEqual(['worker', 'demo']);
    for (const [, { ports, environment, healthcheck }] of published) {
      expect(ports).toEqual([`127.0.0.1:${PORT}:${PORT}`]);
      expect(environment).toMatchObject({ HTTP_HOST: '0.0.0.0' });
      expect(healthcheck?.test.join()).toContain(`http://127.0.0.1:${PORT}/healthz`);
    }
  });

  test('the database counts as there when it answers by TCP, as it does for others', () => {
    for (const name of ['postgres', 'demo-postgres']) {
      const { environment, healthcheck } = compose.services[name] ?? {};
      expect(healthcheck?.test).toEqual([
        'CMD',
        'pg_isready',
        '--host=127.0.0.1',
        `--username=${environment?.POSTGRES_USER}`,
      ]);
    }
  });

  test('the simulator is where the demo looks for Intercom, and takes its token', async () => {
    const { environment } = compose.services.demo ?? {};
    let started: SimulatorCliOptions | undefined;
    await simulatorCommand(async (options) => {
      started = options;
    }).parseAsync(compose.services.simulator?.command.slice(1) ?? [], { from: 'user' });
    expect(started).toMatchObject({
      host: new URL(String(environment?.INTERCOM_BASE_URL)).hostname,
      port: Number(new URL(String(environment?.INTERCOM_BASE_URL)).port),
      token: environment?.INTERCOM_ACCESS_TOKEN,
    });
  });
});

test('Kubernetes asks the worker how it is, and shows the page at the port of the program', () => {
  const [deployment, service] = readManifests('deployment');
  const container = {
    ports: [{ name: 'http', containerPort: PORT }],
    livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
    readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
  };
  expect(deployment).toMatchObject({ spec: { template: { spec: { containers: [container] } } } });
  expect(service).toMatchObject({ kind: 'Service', spec: { ports: [{ port: PORT }] } });
  expect(parseConfig(LEAST, { intercom: true })).toMatchObject({ worker: { httpPort: PORT } });
});

test('the image is built and run from a pinned Node, and not by root', () => {
  const dockerfile = readFromRoot('Dockerfile');
  const stages = [...dockerfile.matchAll(/^FROM (\S+)(?: AS (\w+))?$/gm)];
  const names = stages.map(([, , name]) => name);
  const bases = stages.map(([, base]) => base).filter((base) => !names.includes(base));
  expect(new Set(bases)).toEqual(new Set(['node:24-slim']));
  expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  expect(dockerfile).toMatch(
    /^ENTRYPOINT \["node", "--max-semi-space-size=2", "--max-old-space-size=512", "dist\/main\.js"\]$/m,
  );
});

test('systemd hands over each secret that a service names', () => {
  for (const name of ['intercom-sync', 'intercom-sync-worker']) {
    const unit = assignments(readFromRoot(`deploy/systemd/${name}.service`));
    const loaded = unit.filter(([key]) => key === 'LoadCredential').map(([, value]) => value);
    const named = unit.filter(([key]) => key === 'Environment').map(([, value]) => value);
    expect(loaded.map((credential) => credential.split(':')[0])).toEqual(
      named.map((variable) => variable.split('=%d/')[1]),
    );
  }
});
