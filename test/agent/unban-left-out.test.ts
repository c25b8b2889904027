/** An unban reaches a jail that an error leaves out: its bans stay in the kernel over the restart, and nobody else would lift them. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';

let folder: string;
let daemon: Edgeban;

beforeEach((ctx) => {
  const reason = whyNot();
  if (reason !== null) ctx.skip(reason);
  folder = mkdtempSync(join(tmpdir(), 'edgeban-left-out-'));
  daemon = new Edgeban(folder, { jails: ['sshd', 'other'] });
});
afterEach(() => {
  daemon?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const ban = (jail: string, ...ids: readonly string[]) => daemon.client('set', jail, 'banip', ...ids).trim();
const unban = (...ids: readonly string[]) => daemon.client('unban', ...ids).trim();
const kernel = () => daemon.netns.run('nft', 'list', 'table', 'inet', 'f2b-table');

it('by its address, its network, and with the networks inside one that goes', { timeout: 60_000 }, async () => {
  await daemon.start();
  const single = '198.51.100.1';
  expect(ban('sshd', single)).toBe('1');
  expect(ban('other', single, '198.51.100.2', '2001:db8::1', '203.0.113.0/24', '203.0.113.0/28')).toBe('5');
  await daemon.stop();
  appendFileSync(join(daemon.config, 'jail.local'), '\nfailregex = ^failed (<HOST>$\n');
  await daemon.start();
  expect(daemon.client('status')).toMatch(/Jail list:\tsshd\n/);
  for (const id of [single, '198.51.100.2', '2001:db8::1', '203.0.113.0/24']) expect(kernel()).toContain(id);

  expect(unban(single)).toBe('2');
  expect(kernel()).not.toContain(single);
  expect(kernel()).toContain('198.51.100.2');
  expect(unban('2001:db8::1', '203.0.113.0/24')).toBe('2');
  expect(kernel()).not.toContain('2001:db8::1');
  expect(kernel()).not.toContain('203.0.113.0/24');
  expect(kernel()).toContain('203.0.113.0/28');
  expect(unban(single)).toBe('0');
});
