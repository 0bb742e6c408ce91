import { readFileSync } from 'node:fs';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Reader = ReturnType<typeof createReader>;

/** Each method returns a usable value, and a problem in the list if there was none. */
export function createReader(env: Environment) {
  const problems: string[] = [];
  const given = (name: string) => env[name]?.trim() || undefined;

  function secret(name: string): string | undefined {
    const file = given(`${name}_FILE`);
    if (file === undefined) return given(name);
    if (given(name) !== undefined) problems.push(`${name} and ${name}_FILE are both set: keep one`);
    try {
      return readFileSync(file, 'utf8').trim() || undefined;
    } catch {
      problems.push(`${name}_FILE names a file that cannot be read`);
      return undefined;
    }
  }

  function number(
    name: string,
    rule: { from: number; to: number; otherwise: number },
    shape: RegExp,
    kind: string,
  ) {
    const text = given(name);
    if (text === undefined) return rule.otherwise;
    const value = shape.test(text) ? Number(text) : Number.NaN;
    if (value >= rule.from && value <= rule.to) return value;
    problems.push(`${name} must be a ${kind} from ${rule.from} to ${rule.to}`);
    return rule.otherwise;
  }

  return {
    problems,
    has: (name: string) => given(name) !== undefined,
    text: (name: string, otherwise: string) => given(name) ?? otherwise,
    whole: (name: string, rule: { from: number; to: number; otherwise: number }) =>
      number(name, rule, /^\d{1,9}$/, 'whole number'),
    share: (name: string, rule: { from: number; otherwise: number }) =>
      number(name, { ...rule, to: 1 }, /^\d(\.\d{1,9})?$/, 'number'),
    oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
      const value = values.find((candidate) => candidate === (given(name) ?? otherwise));
      if (value === undefined) problems.push(`${name} must be one of ${values.join(', ')}`);
      return value ?? otherwise;
    },
    secret,
  };
}

/** An address that may be spoken to without encryption only where nobody can listen in. */
export function isSafeOrigin(url: URL): boolean {
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  // fetch refuses an address with credentials, and names it in its error.
  const isBare = url.username === '' && url.password === '';
  return isBare && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback));
}
