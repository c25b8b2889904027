/** Three projects: on Node, inside workerd, and whole hosts in namespaces. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { buildDashboard } from './dashboard/build.ts';

/** Secrets that only tests know; a deployed Worker gets its own through `wrangler secret`. */
const testSecrets = { CLOUDFLARE_API_TOKEN: 'test-cloudflare-token', OPERATOR_TOKEN: 'test-operator-token' };

/** test/both runs on each runtime's own SQLite. */
const sqlOf = (runtime: 'node' | 'workerd') => ({
  alias: { 'test-sql': fileURLToPath(new URL(`./test/both/sql-${runtime}.ts`, import.meta.url)) },
});

// the Worker carries the page
await buildDashboard();

export default defineConfig({
  test: {
    reporters: ['default', './test/report.ts'],
    // what a test prints is shown if it fails
    silent: 'passed-only',
    // by itself it would be a second
    expect: { poll: { timeout: 30_000 } },
    // as many files at a time as there are processors: by itself it would leave one free, which is half of two
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        resolve: sqlOf('node'),
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/worker/**', 'test/system/**', 'test/sources/file-kill.test.ts'],
          pool: 'forks',
          // ends what hangs; a busy machine is no failure
          testTimeout: 300_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        resolve: sqlOf('workerd'),
        plugins: [
          cloudflareTest({ wrangler: { configPath: './wrangler.toml' }, miniflare: { bindings: testSecrets } }),
        ],
        test: {
          name: 'workerd',
          include: ['test/worker/**/*.test.ts', 'test/both/**/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // whole agents, workerd, sshd and nft in namespaces: one at a time, for they measure time
          name: 'system',
          include: ['test/system/**/*.test.ts', 'test/sources/file-kill.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
