import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

/** Secrets that only tests know; a deployed Worker gets its own through `wrangler secret`. */
const testSecrets = { CLOUDFLARE_API_TOKEN: 'test-cloudflare-token', OPERATOR_TOKEN: 'test-operator-token' };

export default defineConfig({
  test: {
    reporters: ['default', './test/report.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/worker/**', 'test/system/**'],
          pool: 'forks',
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        plugins: [
          cloudflareTest({ wrangler: { configPath: './wrangler.toml' }, miniflare: { bindings: testSecrets } }),
        ],
        test: {
          name: 'workerd',
          include: ['test/worker/**/*.test.ts', 'test/both/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          // whole agents, workerd, sshd and nft in namespaces: one at a time, for they measure time
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
