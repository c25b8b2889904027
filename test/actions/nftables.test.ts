/** The nftables action in a network namespace: what the kernel holds and what it lets through. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Action, Block } from '../../host-agent/actions/action.ts';
import { createNftables } from '../../host-agent/actions/nftables.ts';
import { until } from '../world/wait.ts';
import { Netns, whyNot } from './netns.ts';

const reason = whyNot();
const now = () => Date.now() / 1000;
const sshd = { name: 'sshd', port: '2222', protocol: 'tcp', type: 'multiport' };

describe('the nftables action', () => {
  let netns: Netns;

  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    netns = new Netns(['203.0.113.1/32', '198.51.100.7/32', '198.51.100.8/32', '2001:db8::1/128', '2001:db8::7/128']);
  });
  afterEach(() => netns?.remove());

  function action(parameters: Record<string, string> = {}): Action {
    return createNftables({ ...sshd, ...parameters }, { nft: netns.nft(), now });
  }

  function rules(): string[] {
    return netns
      .run('nft', 'list', 'table', 'inet', 'f2b-table')
      .split('\n')
      .filter((line) => line.includes('saddr'));
  }

  it.each([
    ['IPv4', '198.51.100.7', '203.0.113.1', '198.51.100.8'],
    ['IPv6', '2001:db8::7', '2001:db8::1', '2001:db8::1'],
  ])('refuses TCP connections of a banned %s address until it is deleted', async (_family, bad, server, good) => {
    await netns.listen(2222);
    const jail = action();
    expect(await jail.reconcile([])).toEqual([]);
    expect(netns.connect(bad, server, 2222)).toBe('connected');
    expect(await jail.apply([{ kind: 'add', address: bad, until: now() + 600 }])).toEqual([]);
    expect(netns.connect(bad, server, 2222)).toBe('ECONNREFUSED');
    expect(netns.connect(good, server, 2222)).toBe('connected');
    expect(await jail.apply([{ kind: 'delete', address: bad }])).toEqual([]);
    expect(netns.connect(bad, server, 2222)).toBe('connected');
  });

  it('lets the kernel end a ban by itself, and deletes without error what the kernel has ended', async () => {
    await netns.listen(2222);
    const jail = action();
    const began = now();
    expect(netns.connect('198.51.100.7', '203.0.113.1', 2222)).toBe('connected');
    // a ban that is long enough to be looked at, however busy the machine
    const look_s = now() - began;
    await jail.reconcile([{ address: '198.51.100.7', until: now() + 2 + 5 * look_s }]);
    expect(netns.connect('198.51.100.7', '203.0.113.1', 2222)).toBe('ECONNREFUSED');
    await until('the end', () => netns.connect('198.51.100.7', '203.0.113.1', 2222) === 'connected');
    expect(await jail.list()).toEqual([]);
    expect(await jail.apply([{ kind: 'delete', address: '198.51.100.7' }])).toEqual([]);
    expect(await jail.apply([{ kind: 'delete', address: '192.0.2.99' }])).toEqual([]);
  });

  it('blocks only the ports of the jail', async () => {
    await netns.listen(2222);
    await netns.listen(2223);
    await action().reconcile([{ address: '198.51.100.7', until: null }]);
    expect(netns.connect('198.51.100.7', '203.0.113.1', 2223)).toBe('connected');
    await action({ name: 'all', type: 'allports' }).reconcile([{ address: '198.51.100.7', until: null }]);
    expect(netns.connect('198.51.100.7', '203.0.113.1', 2223)).toBe('ECONNREFUSED');
  });

  it('makes tables, sets and rules once, however often it starts', async () => {
    await action().reconcile([{ address: '198.51.100.7', until: null }]);
    const first = netns.run('nft', '-a', 'list', 'ruleset');
    await action().reconcile([{ address: '198.51.100.7', until: null }]);
    expect(netns.run('nft', '-a', 'list', 'ruleset')).toBe(first);
    expect(rules()).toHaveLength(4);
  });

  it('changes the rule where the parameters have changed, and the bans stay', async () => {
    await action().reconcile([{ address: '198.51.100.7', until: null }]);
    await action({ port: '2222,ssh,5000:5010', blocktype: 'drop' }).reconcile([
      { address: '198.51.100.7', until: null },
    ]);
    expect(rules()).toHaveLength(4);
    expect(rules()[0]).toMatch(/tcp dport \{ 22, 2222, 5000-5010 \} ip saddr @addr-set-sshd drop/);
  });

  it('makes one rule per protocol and set, under the names that were asked for', async () => {
    const names = { table: 'mine', chain: 'guard', chain_priority: '-5', addr_set: 'bad4', protocol: 'tcp,udp' };
    await action({ ...names, table_family: 'ip' }).reconcile([{ address: '198.51.100.7', until: null }]);
    const table = netns.run('nft', 'list', 'table', 'ip', 'mine');
    expect(table).toContain('type filter hook input priority filter - 5');
    expect(table).toMatch(/tcp dport 2222 ip saddr @bad4 reject/);
    expect(table).toMatch(/udp dport 2222 ip saddr @addr-net-sshd reject/);
    expect(table).not.toContain('ip6');
  });

  it('keeps all until the difference is applied, and takes over the ends', async () => {
    const later = now() + 5_000;
    const jail = action();
    await jail.reconcile([
      { address: '192.0.2.1', until: later },
      { address: '192.0.2.2', until: null },
      { address: '2001:db8::5', until: later },
    ]);
    const outcomes = await action().reconcile([
      { address: '192.0.2.2', until: later },
      { address: '192.0.2.3', until: later },
      { address: '2001:db8::5', until: null },
    ]);
    expect(outcomes).toEqual([]);
    const listed = sorted(await jail.list());
    expect(listed.map((block) => block.address)).toEqual(['192.0.2.2', '192.0.2.3', '2001:db8::5']);
    expect(listed[0]?.until).toBeGreaterThan(later - 60);
    expect(listed[0]?.until).toBeLessThan(later + 60);
    expect(listed[2]?.until).toBeNull();
  });

  it('puts networks into their own set, the outermost only, and inner ones when the outer is gone', async () => {
    const jail = action();
    await jail.reconcile([{ address: '198.51.100.128/25', until: null }]);
    expect(await jail.apply([{ kind: 'add', address: '198.51.100.0/24', until: now() + 900 }])).toEqual([]);
    expect((await jail.list()).map((block) => block.address)).toEqual(['198.51.100.0/24']);
    expect(await jail.apply([{ kind: 'add', address: '198.51.100.0/28', until: null }])).toEqual([]);
    await netns.listen(2222);
    expect(netns.connect('198.51.100.7', '203.0.113.1', 2222)).toBe('ECONNREFUSED');
    expect(await jail.apply([{ kind: 'delete', address: '198.51.100.0/24' }])).toEqual([]);
    const left = sorted(await jail.list());
    expect(left.map((block) => block.address)).toEqual(['198.51.100.0/28', '198.51.100.128/25']);
    expect(await jail.apply([{ kind: 'delete', address: '198.51.100.0/28' }])).toEqual([]);
    expect(netns.connect('198.51.100.7', '203.0.113.1', 2222)).toBe('connected');
  });

  it('replaces a network by a narrower one in one reconcile', async () => {
    await action().reconcile([
      { address: '2001:db8:1::/48', until: null },
      { address: '192.0.2.0/24', until: null },
    ]);
    const jail = action();
    expect(
      await jail.reconcile([
        { address: '2001:db8:1:2::/64', until: null },
        { address: '192.0.0.0/16', until: 9e9 },
      ]),
    ).toEqual([]);
    expect(sorted(await jail.list()).map((block) => block.address)).toEqual(['192.0.0.0/16', '2001:db8:1:2::/64']);
  });

  it('names what is no address, and changes the rest', async () => {
    const jail = action();
    await jail.reconcile([]);
    const outcomes = await jail.apply([
      { kind: 'add', address: '192.0.2.1', until: null },
      { kind: 'add', address: '999.1.1.1', until: null },
      {
        kind: 'add',
        address: '192.0.2.3 }; flush ruleset; add element inet f2b-table addr-set-sshd { 192.0.2.4',
        until: null,
      },
      { kind: 'add', address: '192.0.2.2', until: null },
    ]);
    expect(outcomes.map((outcome) => outcome.error.code)).toEqual(['ERR_ADDRESS_INVALID', 'ERR_ADDRESS_INVALID']);
    expect(sorted(await jail.list()).map((block) => block.address)).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('does not touch what others have in the table, and takes away only its own at a flush', async () => {
    netns.script(`add table inet f2b-table
      add set inet f2b-table addr-set-other { type ipv4_addr; }
      add chain inet f2b-table f2b-chain { type filter hook input priority filter - 1; }
      add rule inet f2b-table f2b-chain tcp dport 25 ip saddr @addr-set-other drop
      add chain inet f2b-table mine`);
    const before = netns.run('nft', 'list', 'ruleset');
    const jail = action();
    await jail.reconcile([{ address: '192.0.2.1', until: null }]);
    expect(netns.run('nft', 'list', 'ruleset')).toContain('tcp dport 25 ip saddr @addr-set-other drop');
    await jail.close({ flush: true });
    expect(netns.run('nft', 'list', 'ruleset')).toBe(before);
  });

  it('takes away the table with the last jail, and leaves all in force without a flush', async () => {
    const one = action();
    const two = action({ name: 'two' });
    await Promise.all([one.reconcile([{ address: '192.0.2.1', until: null }]), two.reconcile([])]);
    await one.close({ flush: true });
    expect(netns.run('nft', 'list', 'ruleset')).toContain('addr-set-two');
    await two.close({ flush: false });
    expect(netns.run('nft', 'list', 'ruleset')).toContain('addr-set-two');
    await two.close({ flush: true });
    expect(netns.run('nft', 'list', 'ruleset')).toBe('');
  });

  it("refuses fail2ban's own set, which has no timeouts", async () => {
    netns.script('add table inet f2b-table\nadd set inet f2b-table addr-set-sshd { type ipv4_addr; }');
    await expect(action().reconcile([])).rejects.toMatchObject({ code: 'ERR_NFT_SET_FOREIGN' });
  });

  it('says that the firewall was emptied, and heals it', async () => {
    const jail = action();
    await jail.reconcile([{ address: '192.0.2.1', until: null }]);
    netns.run('nft', 'flush', 'ruleset');
    const change = { kind: 'add', address: '192.0.2.2', until: null } as const;
    expect((await jail.apply([change])).map((outcome) => outcome.error.code)).toEqual(['ERR_ACTION_GONE']);
    await jail.reconcile(['192.0.2.1', '192.0.2.2'].map((address) => ({ address, until: null })));
    expect(sorted(await jail.list()).map((block) => block.address)).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it('restores 50,000 bans, and a second start changes nothing', async () => {
    const until = now() + 86_400;
    const blocks: Block[] = Array.from({ length: 50_000 }, (_, i) => ({
      address: `100.64.${i >> 8}.${i & 255}`,
      until,
    }));
    const timed = async (work: () => Promise<unknown>) => {
      const start = performance.now();
      await work();
      return Math.round(performance.now() - start);
    };
    const jail = action();
    const restore_ms = await timed(async () => expect(await jail.reconcile(blocks)).toEqual([]));
    const again_ms = await timed(async () => expect(await action().reconcile(blocks)).toEqual([]));
    const one_ms = await timed(() => jail.apply([{ kind: 'add', address: '192.0.2.1', until }]));
    const flush_ms = await timed(async () => expect(await jail.reconcile([])).toEqual([]));
    console.log(
      `50,000 bans: restore ${restore_ms} ms, again ${again_ms} ms, one more ${one_ms} ms, none ${flush_ms} ms`,
    );
    expect(await jail.list()).toEqual([]);
    expect(restore_ms).toBeLessThan(60_000);
  }, 240_000);

  function sorted(blocks: readonly Block[]): Block[] {
    return [...blocks].sort((a, b) => a.address.localeCompare(b.address));
  }
});
