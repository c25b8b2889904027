/** The Worker as it is deployed: how large, and how long it takes to start. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const gzipped_kib_max = 300;
/** Cloudflare's limit is 1,000 ms. */
const start_ms_max = 400;

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-bundle-'));
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' };
  const wrangler = join(root, 'node_modules/.bin/wrangler');
  await run(process.execPath, [wrangler, 'deploy', '--dry-run', '--outdir', folder], { cwd: root, env });
});
afterAll(() => rmSync(folder, { recursive: true }));

test(`is less than ${gzipped_kib_max} KiB gzipped`, () => {
  const kib = gzipSync(readFileSync(join(folder, 'index.js'))).length / 1024;
  console.log(`the Worker's bundle: ${kib.toFixed(1)} KiB gzipped`);
  expect(kib).toBeLessThan(gzipped_kib_max);
});

test('starts well within the limit', async () => {
  const text = readFileSync(join(folder, 'index.js'), 'utf8');
  // on Node what workerd brings is not there; reading and running the rest is what takes the time
  const stub = 'data:text/javascript,export class DurableObject {}; export const env = {}; export const exports = {}';
  const file = join(folder, 'start.mjs');
  writeFileSync(file, text.replace(/from ?"cloudflare:workers"/g, `from ${JSON.stringify(stub)}`));
  const script = `await import(${JSON.stringify(file)}); const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);`;
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '-e',
    `const before = process.cpuUsage(); ${script}`,
  ]);
  console.log(`it starts in ${stdout.trim()} ms of CPU, on Node`);
  expect(Number(stdout)).toBeLessThan(start_ms_max);
});
