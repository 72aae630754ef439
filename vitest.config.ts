import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/** Tests that neither mock nor keep anything in modules: their files share processes, which load everything once. */
const SHARING = ['plan', 'engine', 'cli/render', 'providers/ec2'].map((path) => `test/${path}/**/*.test.ts`);
const EVERY = { setupFiles: ['test/setup.ts'], testTimeout: 90_000, hookTimeout: 90_000 };

export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    // Tests wait for machines, timers and disks half of their time: one more worker than there are cores in CI.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...EVERY, name: 'sharing', include: SHARING, isolate: false } },
      { test: { ...EVERY, name: 'alone', include: ['test/**/*.test.ts'], exclude: SHARING } },
    ],
    coverage: {
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { statements: 90 },
    },
  },
});
