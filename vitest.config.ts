import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real Postgres, real processes: a test that takes this long is stuck, not slow.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/postgres-server.ts'],
    pool: 'forks',
    reporters: ['default', closingLine()],
  },
});

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
