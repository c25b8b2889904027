/** What jails that are off now have left in nftables is taken out, and nothing else. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNftables } from '../../host-agent/actions/nftables.ts';
import { planOf } from '../../host-agent/actions/nftables-plan.ts';
import { sweepTables } from '../../host-agent/actions/nftables-sweep.ts';
import type { JailsInUse } from '../../host-agent/agent/parts.ts';
import { sweeper } from '../../host-agent/daemon/kit.ts';
import { Netns, whyNot } from './netns.ts';

const reason = whyNot();
const now = () => Date.now() / 1000;
const blocks = [
  { address: '192.0.2.1', until: null },
  { address: '192.0.2.0/24', until: null },
  { address: '2001:db8::1', until: null },
];

describe('the sweep', () => {
  let netns: Netns;

  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    netns = new Netns();
  });
  afterEach(() => netns?.remove());

  async function make(parameters: Record<string, string>, jail?: string) {
    const action = createNftables({ type: 'allports', ...parameters }, { nft: netns.nft(), now }, jail);
    const is4 = parameters['table_family'] === 'ip';
    expect(await action.reconcile(blocks.filter(({ address }) => !is4 || !address.includes(':')))).toEqual([]);
    return action;
  }

  function jail(name: string, parameters: Record<string, string> | null, isSound = true) {
    const rest = { commands: {}, startOnDemand: null, repairOnUnban: null, norestored: false };
    const origin = { file: '', line: 0 };
    const all = { type: 'allports', name, ...parameters };
    const action = { name: 'nftables', file: 'nftables', ...rest, origin, parameters: all };
    return { name, isSound, actions: parameters === null ? [] : [action] };
  }

  async function sweep(running: JailsInUse['running'], spared: readonly string[] | null = []) {
    return [...(await sweeper(netns.nft())({ running, spared }))].sort();
  }

  function ruleset(): string {
    return netns.run('nft', 'list', 'ruleset');
  }

  it('takes out sets, rules and bans of a jail that is not there any more, and leaves those of the others', async () => {
    await make({ name: 'sshd' });
    const before = ruleset();
    await make({ name: 'old' });
    await make({ name: 'moved' });
    expect(await sweep([jail('sshd', {}), jail('moved', null)])).toEqual(['moved', 'old']);
    expect(ruleset()).toBe(before);
    expect(await sweep([jail('sshd', {})])).toEqual([]);
    expect(ruleset()).toBe(before);
  });

  it('takes the table with the last of them, in whatever table and family it was', async () => {
    await make({ name: 'a' });
    await make({ name: 'b', table: 'mine', table_family: 'ip' });
    expect(await sweep([])).toEqual(['a', 'b']);
    expect(ruleset()).toBe('');
  });

  it('keeps what a jail has made that is left out for an error, whatever name its action has', async () => {
    await make({ name: 'web' }, 'nginx http');
    await make({ name: 'broken' });
    const before = ruleset();
    await make({ name: 'old' });
    expect(await sweep([], ['nginx http', 'broken'])).toEqual(['old']);
    expect(ruleset()).toBe(before);
    expect(await sweep([], null)).toEqual([]);
    expect(ruleset()).toBe(before);
    expect(await sweep([], ['broken'])).toEqual(['nginx_http']);
  });

  it('keeps what was made by a jail whose action does not work now', async () => {
    await make({ name: 'sshd', blocktype: 'drop' });
    const before = ruleset();
    expect(await sweep([jail('sshd', {}, false)])).toEqual([]);
    expect(ruleset()).toBe(before);
  });

  it("does not touch fail2ban's and the admin's own, in the same table and chain", async () => {
    for (const table of ['inet f2b-table', 'ip f2b-table']) {
      netns.script(`add table ${table}
        add set ${table} addr-set-other { type ipv4_addr; }
        add set ${table} addr-set-timed { type ipv4_addr; flags timeout; }
        add set ${table} friends { type ipv4_addr; flags timeout; elements = { 198.51.100.1 } }
        add chain ${table} f2b-chain { type filter hook input priority filter - 1; }
        add chain ${table} mine
        add rule ${table} f2b-chain tcp dport 25 ip saddr @addr-set-other drop
        add rule ${table} f2b-chain tcp dport 26 ip saddr @addr-set-timed drop comment "edgeban is not here"`);
    }
    const before = ruleset();
    await make({ name: 'old' });
    // two sets in one rule; nobody else refers to the one
    await make({ name: 'old', table_family: 'ip', type: 'custom', 'rule_match-custom': 'ip saddr != @friends' });
    expect(await sweep([])).toEqual(['old']);
    expect(ruleset()).toBe(before);
  });

  it('empties a set on which the admin has hung a rule', async () => {
    await make({ name: 'old' });
    netns.script('add rule inet f2b-table f2b-chain udp dport 53 ip saddr @addr-set-old drop');
    expect(await sweep([])).toEqual(['old']);
    const left = ruleset();
    expect(left).toContain('udp dport 53 ip saddr @addr-set-old drop');
    expect(left).not.toMatch(/192\.0\.2|2001:db8|addr-net-old|edgeban/);
  });

  it('leaves the table of an import alone', async () => {
    await make({ name: 'sshd', table: 'edgeban_import' });
    const before = ruleset();
    expect(await sweep([])).toEqual([]);
    expect(ruleset()).toBe(before);
  });

  it('takes out what a jail does not use any more after a change of its chain; its sets stay', async () => {
    await make({ name: 'sshd', chain: 'other' });
    await make({ name: 'sshd' });
    const inUse = { plans: [planOf({ name: 'sshd', type: 'allports' })], spares: () => false };
    expect(await sweepTables(netns.nft(), inUse)).toEqual(['sshd']);
    const left = ruleset();
    expect(left.match(/comment "edgeban sshd /g)).toHaveLength(4);
    expect(left).toContain('192.0.2.1');
  });

  it('is done by the action itself where its set has another name now', async () => {
    await make({ name: 'sshd', addr_set: 'bad' });
    await make({ name: 'sshd' });
    expect(ruleset()).not.toContain('bad');
    expect(ruleset().match(/comment "edgeban sshd /g)).toHaveLength(4);
  });
});
