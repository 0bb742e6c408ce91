import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

/** Tests that need more of a machine than Node: each folder is run by itself, with `--mode` and its name. */
const APART = ['pgbouncer'];

export default defineConfig(({ mode }) => ({
  test: {
    include: [APART.includes(mode) ? `test/${mode}/**/*.test.ts` : 'test/**/*.test.ts'],
    exclude: APART.filter((folder) => folder !== mode).map((folder) => `test/${folder}/**`),
    // Real Postgres, real processes: a test that takes this long is stuck, not slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/postgres-server.ts'],
    pool: 'forks',
    reporters: ['default', closingLine()],
  },
}));

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
