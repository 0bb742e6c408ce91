import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';

/** One way in which the repository's files start the program. */
export interface Deployed {
  readonly name: string;
  readonly image: string | null;
  /** What comes after `intercom-sync`. */
  readonly args: readonly string[];
  /** Null for a variable that is passed on as the person has it. */
  readonly env: Readonly<Record<string, string | null>>;
  /** How long after a SIGTERM it is killed; null where nothing kills it. */
  readonly graceSeconds: number | null;
  /** Holds made-up secrets, of a workspace that does not exist. */
  readonly isDemo: boolean;
}

const ROOT = join(import.meta.dirname, '../..');

export const readFromRoot = (path: string) => readFileSync(join(ROOT, path), 'utf8');

export function readDeployed(): Deployed[] {
  return [
    ...Object.entries(readCompose().services).flatMap(([name, service]) =>
      service.entrypoint === undefined && service.build ? [composeService(name, service)] : [],
    ),
    ...['cronjob', 'deployment'].flatMap(kubernetesPods),
    ...['intercom-sync', 'intercom-sync-worker'].map(systemdService),
    cronLine(),
  ];
}

const serviceShape = z.object({
  image: z.string(),
  build: z.string().optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string().nullable()).default({}),
  profiles: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  network_mode: z.string().optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  stop_grace_period: z.string().optional(),
  user: z.string().optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  mem_limit: z.string(),
  cpus: z.number(),
  pids_limit: z.number(),
  restart: z.string().optional(),
});
const composeShape = z.object({ services: z.record(z.string(), serviceShape) });

export type ComposeService = z.infer<typeof serviceShape>;

export function readCompose() {
  return composeShape.parse(parse(readFromRoot('docker-compose.yml'), { merge: true }));
}

function composeService(name: string, service: ComposeService): Deployed {
  return {
    name: `docker-compose.yml, ${name}`,
    image: service.image,
    args: service.command,
    env: service.environment,
    graceSeconds: secondsOf(service.stop_grace_period),
    isDemo: service.profiles.includes('demo'),
  };
}

function secondsOf(duration: string | undefined): number | null {
  const seconds = /^(\d+)s$/.exec(duration ?? '')?.[1];
  return seconds === undefined ? null : Number(seconds);
}

const probeShape = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const podShape = z.object({
  terminationGracePeriodSeconds: z.number(),
  securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number().positive() }),
  containers: z.array(
    z.object({
      image: z.string(),
      args: z.array(z.string()),
      env: z.array(z.object({ name: z.string(), value: z.string() })),
      ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
      livenessProbe: probeShape.optional(),
      readinessProbe: probeShape.optional(),
      resources: z.object({ limits: z.object({ cpu: z.string(), memory: z.string() }) }),
      securityContext: z.object({
        readOnlyRootFilesystem: z.literal(true),
        allowPrivilegeEscalation: z.literal(false),
        capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
      }),
    }),
  ),
});
const manifestShape = z.union([
  z.object({
    kind: z.literal('CronJob'),
    spec: z.object({
      jobTemplate: z.object({ spec: z.object({ template: z.object({ spec: podShape }) }) }),
    }),
  }),
  z.object({
    kind: z.literal('Deployment'),
    spec: z.object({ template: z.object({ spec: podShape }) }),
  }),
  z.object({
    kind: z.literal('Service'),
    spec: z.object({ ports: z.array(z.object({ port: z.number() })) }),
  }),
]);

export function readManifests(name: string) {
  return parseAllDocuments(readFromRoot(`deploy/kubernetes/${name}.yaml`)).map((document) =>
    manifestShape.parse(document.toJS()),
  );
}

function kubernetesPods(name: string): Deployed[] {
  return readManifests(name).flatMap((manifest) => {
    if (manifest.kind === 'Service') return [];
    const { template } =
      manifest.kind === 'CronJob' ? manifest.spec.jobTemplate.spec : manifest.spec;
    return template.spec.containers.map(({ image, args, env }) => ({
      name: `deploy/kubernetes/${name}.yaml`,
      image,
      args,
      env: Object.fromEntries(env.map((variable) => [variable.name, variable.value])),
      graceSeconds: template.spec.terminationGracePeriodSeconds,
      isDemo: false,
    }));
  });
}

function systemdService(name: string): Deployed {
  const path = `deploy/systemd/${name}.service`;
  const lines = assignments(readFromRoot(path));
  const all = (key: string) => lines.filter(([name]) => name === key).map(([, value]) => value);
  return {
    name: path,
    image: null,
    args: argsOf(all('ExecStart').join()),
    env: Object.fromEntries(all('Environment').flatMap(assignments)),
    graceSeconds: Number(all('TimeoutStopSec').join()),
    isDemo: false,
  };
}

function cronLine(): Deployed {
  const text = readFromRoot('deploy/cron/intercom-sync');
  const job = /^(?:\S+ ){5}intercom-sync (node .*) 2>&1 \| logger/m.exec(text)?.[1] ?? '';
  const shell = ['PATH', 'MAILTO'];
  return {
    name: 'deploy/cron/intercom-sync',
    image: null,
    args: argsOf(job),
    env: Object.fromEntries(assignments(text).filter(([name]) => !shell.includes(name))),
    graceSeconds: null,
    isDemo: false,
  };
}

function argsOf(commandLine: string): string[] {
  return commandLine.split('/opt/intercom-sync/dist/main.js ')[1]?.split(' ') ?? [];
}

/** The lines of the form NAME=value, as cron, systemd and .env files have them. */
export function assignments(text: string): [string, string][] {
  return [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]);
}
