import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

/** Tests that need more of a machine than Node; each has a script, `npm run test:NAME`. */
const APART = ['browser', 'pgbouncer'];

export default defineConfig({
  test: {
    projects: [
      project('default', ['test/**/*.test.ts'], folders(APART)),
      ...APART.map((name) => project(name, folders([name]), [])),
    ],
    // Real Postgres, real processes: a test that takes this long is stuck, not slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/postgres-server.ts'],
    pool: 'forks',
    // More than there are cores on a small machine: most of a test's time is waiting for real things.
    maxWorkers: 4,
    reporters: ['default', closingLine()],
  },
});

function project(name: string, include: string[], exclude: string[]) {
  return { extends: true as const, test: { name, include, exclude } };
}

function folders(names: readonly string[]): string[] {
  return names.map((name) => `test/${name}/**/*.test.ts`);
}

/** One line that any program can read: how many tests passed, and how many did not. */
function closingLine(): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      const states = modules.flatMap((module) =>
        [...module.children.allTests()].map((test) => test.result().state),
      );
      const passed = states.filter((state) => state === 'passed').length;
      process.stdout.write(`tests: ${passed} passed, ${states.length - passed} failed\n`);
    },
  };
}
