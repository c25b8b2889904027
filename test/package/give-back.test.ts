/** What only the start needed of Node's program leaves the memory, and comes back when it is needed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadGiveBack } from '../../host-agent/system/rest.ts';

const checkout = join(import.meta.dirname, '../..');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-give-back-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is missing in a checkout, which is no error', () => {
  expect(loadGiveBack(pathToFileURL(join(folder, 'none.node')))).toBeNull();
});

it('leaves a program that works, in less memory', (context) => {
  const headers = join(checkout, `node_modules/node-linux-${process.arch}/include/node`);
  if (spawnSync('gcc', ['--version']).error !== undefined || !existsSync(headers)) context.skip('needs gcc');
  const file = join(folder, 'give-back.node');
  const source = join(checkout, 'host-agent/debian/native/give-back.c');
  const warnings = ['-Wall', '-Wextra', '-Werror', '-std=c11'];
  execFileSync('gcc', ['-D_GNU_SOURCE', ...warnings, '-shared', '-fPIC', `-I${headers}`, source, '-o', file]);
  const program = `
    const { createHash } = require('node:crypto');
    const { giveBack } = require(${JSON.stringify(file)});
    const sum = () => createHash('sha256').update(new Intl.DateTimeFormat('de').format(new Date(0))).digest('hex');
    const before = sum(), rss = process.memoryUsage.rss();
    const bytes = giveBack(), less = process.memoryUsage.rss();
    console.log(JSON.stringify({ bytes, saved: rss - less, same: before === sum() }));`;
  const { bytes, saved, same } = JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }));
  expect(bytes).toBeGreaterThan(40 * 1024 * 1024);
  expect(saved).toBeGreaterThan(8 * 1024 * 1024);
  expect(same).toBe(true);
});
