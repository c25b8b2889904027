/** `edgeban withdraw`: what a stopped daemon has left in nftables goes, and nothing else. */
import { mkdtempSync, rmSync } from 'node:fs';
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
  folder = mkdtempSync(join(tmpdir(), 'edgeban-withdraw-'));
  daemon = new Edgeban(folder);
});
afterEach(async () => {
  await daemon?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const program = join(import.meta.dirname, '../../host-agent/bin/edgeban');
const withdraw = () => daemon.netns.run(program, 'withdraw').trim();
const ruleset = () => daemon.netns.run('nft', 'list', 'ruleset');

it('leaves what others have, in the same table too, and refuses while a daemon runs', {
  timeout: 180_000,
}, async () => {
  daemon.netns.script('add table inet f2b-table; add set inet f2b-table addr-set-mine { type ipv4_addr; }');
  const before = ruleset();
  await daemon.start();
  daemon.client('set', 'sshd', 'banip', '198.51.100.1', '2001:db8::/48');
  expect(withdraw).toThrow(/ERR_CONFIG_NEIGHBOUR|an edgeban runs/);
  await daemon.stop();
  expect(ruleset()).toContain('198.51.100.1');
  expect(withdraw()).toBe('Taken out of nftables: sshd');
  expect(ruleset().replace(/\n?\tchain f2b-chain \{\n.*\n\t\}\n/, '')).toBe(before);
  expect(withdraw()).toBe('Taken out of nftables: nothing of a jail was there');
});
