/** An unban reaches a jail that an error leaves out: its bans stay in the kernel over the restart, and nobody else would lift them. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';
import { until } from '../world/wait.ts';

let folder: string;
let daemon: Edgeban;

beforeEach((ctx) => {
  const reason = whyNot();
  if (reason !== null) ctx.skip(reason);
  folder = mkdtempSync(join(tmpdir(), 'edgeban-left-out-'));
  daemon = new Edgeban(folder, { jails: ['sshd', 'other'] });
});
afterEach(async () => {
  await daemon?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const ban = (jail: string, ...ids: readonly string[]) => daemon.client('set', jail, 'banip', ...ids).trim();
const unban = (...ids: readonly string[]) => daemon.client('unban', ...ids).trim();
const settings = () => join(daemon.config, 'jail.local');
const breakFilter = () => appendFileSync(settings(), '\nfailregex = ^failed (<HOST>$\n');
const breakAction = () => appendFileSync(settings(), '\naction = no-such-action\n');
const iptables = () => daemon.netns.run('iptables', '-S');
const kernel = () => daemon.netns.run('nft', 'list', 'table', 'inet', 'f2b-table');

it('by its address, its network, and with the networks inside one that goes', async () => {
  await daemon.start();
  const single = '198.51.100.1';
  expect(ban('sshd', single)).toBe('1');
  expect(ban('other', single, '198.51.100.2', '2001:db8::1', '203.0.113.0/24', '203.0.113.0/28')).toBe('5');
  await daemon.stop();
  breakFilter();
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

it('by the commands with which a daemon that died has banned, where its action is what is broken; when the jail is switched off, all that it made goes', async (ctx) => {
  if (!isThere('iptables')) ctx.skip('needs iptables');
  appendFileSync(settings(), '\nbanaction = iptables-multiport\n');
  const start_ms = await daemon.start();
  // long enough to be there when it is looked for, however busy the machine
  daemon.client('set', 'other', 'bantime', String(5 + Math.ceil(start_ms / 250)));
  const [lifted, ending, staying] = ['198.51.100.1', '198.51.100.2', '198.51.100.3'];
  expect(ban('other', ending)).toBe('1');
  daemon.client('set', 'other', 'bantime', '1d');
  expect(ban('other', lifted, staying)).toBe('2');
  await until('the rules', () => [lifted, ending, staying].every((address) => iptables().includes(address)));
  await daemon.kill();
  breakAction();
  await daemon.start();
  expect(daemon.client('status')).toMatch(/Jail list:\tsshd\n/);

  expect(unban(lifted)).toBe('1');
  expect(iptables()).not.toContain(lifted);
  await until('the end of a ban', () => !iptables().includes(ending));
  expect(iptables()).toContain(staying);
  await daemon.stop();
  expect(iptables()).toContain(staying);
  appendFileSync(settings(), '\nenabled = false\n');
  await daemon.start();
  expect(iptables()).not.toMatch(/f2b-other/);
});

it('by its actions, which hold its bans over a restart in order, make them good, and let go of them', async (ctx) => {
  if (!isThere('iptables')) ctx.skip('needs iptables');
  appendFileSync(settings(), '\nbanaction = iptables-multiport\n');
  await daemon.start();
  const [lifted, staying] = ['198.51.100.1', '198.51.100.2'];
  expect(ban('other', lifted, staying)).toBe('2');
  await daemon.stop();
  expect(iptables()).not.toContain(staying);
  const whole = readFileSync(settings());
  breakFilter();
  await daemon.start();
  await until('the rules', () => [lifted, staying].every((address) => iptables().includes(address)));
  expect(daemon.client('status')).toMatch(/Jail list:\tsshd\n.*Left out:\tother\n/);
  expect(daemon.client('banned')).toContain(`{'other': ['${lifted}', '${staying}']}`);
  expect(daemon.client('banned', staying)).toContain('other');

  expect(unban(lifted)).toBe('1');
  expect(iptables()).not.toContain(lifted);
  writeFileSync(settings(), whole);
  daemon.client('reload');
  expect(iptables()).toContain(staying);
  expect(daemon.client('status')).not.toContain('Left out');
  expect(daemon.client('set', 'other', 'unbanip', staying).trim()).toBe('1');
  await until('the rule to go', () => !iptables().includes(staying));
});

it('is not left with what commands made of a jail that is stopped, or switched off by a reload', async (ctx) => {
  if (!isThere('iptables')) ctx.skip('needs iptables');
  appendFileSync(settings(), '\nbanaction = iptables-multiport\n');
  await daemon.start();
  const address = '198.51.100.1';
  expect(ban('other', address)).toBe('1');
  await until('the rule', () => iptables().includes(address));
  daemon.client('stop', 'other');
  expect(iptables()).not.toContain('f2b-other');
  daemon.client('reload');
  await until('the rule again', () => iptables().includes(address));
  appendFileSync(settings(), '\nenabled = false\n');
  daemon.client('reload');
  expect(iptables()).not.toContain('f2b-other');
});

function isThere(program: string): boolean {
  try {
    return execFileSync('which', [program]).length > 0;
  } catch {
    return false;
  }
}
