/** The nftables action's parameters, and the table, chain, sets and rules that come of them. */
import { describe, expect, it } from 'vitest';
import { createNft } from '../../host-agent/actions/nft.ts';
import { createNftables } from '../../host-agent/actions/nftables.ts';
import { checkCommands } from '../../host-agent/actions/nftables-parameters.ts';
import { ownerOf, planOf } from '../../host-agent/actions/nftables-plan.ts';

describe('the parameters of the nftables action', () => {
  it("are fail2ban's, with its defaults", () => {
    const plan = planOf({ name: 'sshd', port: 'ssh,8000:8010', protocol: 'tcp,udp' });
    expect(plan).toMatchObject({ family: 'inet', table: 'f2b-table', chain: 'f2b-chain' });
    expect(plan.chainSpec).toBe('type filter hook input priority filter - 1;');
    expect(plan.sets.map((set) => set.set)).toEqual([
      'addr-set-sshd',
      'addr-net-sshd',
      'addr6-set-sshd',
      'addr6-net-sshd',
    ]);
    expect(plan.rules.map((rule) => rule.text)).toContain(
      'udp dport { ssh, 8000-8010 } ip6 saddr @addr6-net-sshd reject',
    );
    expect(plan.rules).toHaveLength(8);
  });

  it('may come with all that the stock file sets', () => {
    const stock = {
      name: 'sshd',
      port: '22',
      type: 'multiport',
      addr_type: 'ipv4_addr',
      addr_family: 'ip',
      addr_set: 'addr-set-sshd',
      addr_options: '<sp>flags interval\\;',
      'addr_set?family=inet6': 'addr6-set-sshd',
      'addr_type?family=inet6': 'ipv6_addr',
      chain_priority: '-1',
      nftables: 'nft',
      'rule_match-custom': '',
      'rule_match-allports': 'meta l4proto \\{ tcp \\}',
      'rule_match-multiport': "$proto dport \\{ $(echo '22' | sed s/:/-/g) \\}",
      _nft_list: 'nft -a list chain inet f2b-table f2b-chain',
      bantime: '600',
    };
    expect(planOf(stock).rules.map((rule) => rule.text)).toEqual(
      planOf({ name: 'sshd', port: '22' }).rules.map((rule) => rule.text),
    );
    expect(planOf({ ...stock, type: 'allports' }).rules[0]?.text).toBe(
      'meta l4proto { tcp } ip saddr @addr-set-sshd reject',
    );
    expect(planOf({ ...stock, type: 'custom' }).rules[0]?.text).toBe('ip saddr @addr-set-sshd reject');
    const all = { ...stock, protocol: 'all', 'rule_match-allprotos-custom': '', 'rule_match-allprotos-allports': '' };
    const ports = { 'rule_match-allprotos-multiport': "th dport \\{ $(echo '22' | sed s/:/-/g) \\}" };
    expect(planOf({ ...all, ...ports }).rules[0]?.text).toBe('th dport { 22 } ip saddr @addr-set-sshd reject');
    expect(planOf({ ...all, type: 'allports' }).rules[0]?.text).toBe('ip saddr @addr-set-sshd reject');
    const own = 'iifname "eth0" tcp dport 22 ct state new';
    expect(planOf({ ...stock, type: 'custom', 'rule_match-custom': own }).rules[0]?.text).toMatch(
      /^iifname "eth0" tcp .* ip saddr/,
    );
  });

  it.each([
    ['type', 'multiports'],
    ['name', 'sshd; flush ruleset'],
    ['name', '<name>'],
    ['table', 'f2b-table { }'],
    ['table', 'f2b\ntable'],
    ['table_family', 'bridge'],
    ['chain', '7chain'],
    ['chain_hook', 'input priority 0; policy drop'],
    ['chain_priority', '0; policy drop;'],
    ['addr_set', 'x }'],
    ['addr_type', 'inet_service'],
    ['addr_options', 'flags dynamic;'],
    ['port', '22 } drop'],
    ['port', '70000'],
    ['port', '30:20'],
    ['port', ''],
    ['protocol', 'tcp;'],
    ['blocktype', 'drop; add rule inet t c accept'],
    ['blocktype', 'drop\nflush ruleset'],
    ['blocktype', 'drop # nothing'],
    ['blocktype', 'log prefix "a" drop "'],
    ['blocktype', 'drop }'],
    ['blocktype', 'RETURN'],
    ['blocktype?family=inet6', 'DROP'],
    ['blocktype', ''],
    ['rule_match-multiport', '$proto sport { $(cat /etc/ports) }'],
    ['nftables', 'nft --check'],
    ['conntrack', 'yes'],
    ['blocktype?family=inet4', 'drop'],
    ['port?family=inet6', '22'],
    ['timeout', '5'],
    ['rule_stat', 'ip saddr @addr-set-sshd counter drop'],
    ['match', 'udp dport 53'],
    ['addr_set', 'fwd'],
    ['table', 'counter'],
    ['chain', 'drop'],
    ['addr_net', 'tcp'],
  ])('%s = %j is refused by name', (parameter, value) => {
    const make = () => createNftables({ name: 'sshd', [parameter]: value }, { nft: createNft(), now: () => 0 });
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_ACTION_PARAMETER', message: expect.stringContaining(parameter) }),
    );
  });

  it('takes the flags of commands that ask for what is done anyway', () => {
    const flags = { commands: {}, startOnDemand: false, repairOnUnban: true, norestored: false };
    expect(() => checkCommands(flags)).not.toThrow();
    for (const other of [{ startOnDemand: true }, { repairOnUnban: false }, { norestored: true }])
      expect(() => checkCommands({ ...flags, ...other })).toThrow(/has no meaning/);
  });

  it('may block IPv6 otherwise', () => {
    const plan = planOf({ name: 'sshd', type: 'custom', blocktype: 'drop', 'blocktype?family=inet6': 'reject' });
    expect(plan.rules.map((rule) => rule.text)).toEqual([
      'ip saddr @addr-set-sshd drop',
      'ip saddr @addr-net-sshd drop',
      'ip6 saddr @addr6-set-sshd reject',
      'ip6 saddr @addr6-net-sshd reject',
    ]);
  });

  it('stand in the comment with the jail, where that has another name', () => {
    const [comment = ''] = planOf({ name: 'web' }, 'nginx http').rules.map((rule) => rule.comment);
    expect(comment).toMatch(/^edgeban web [0-9a-f]{16} nginx_http$/);
    expect(ownerOf(comment)).toBe('nginx_http');
    const long = 'x'.repeat(50);
    const [longest = ''] = planOf({ name: long }, 'y'.repeat(90)).rules.map((rule) => rule.comment);
    expect(longest.length).toBeLessThan(128);
    expect(ownerOf(longest)).toBe('y'.repeat(50));
    expect(ownerOf('edgeban is not here')).toBeNull();
  });

  it('give a rule another comment when its text changes', () => {
    const comments = (blocktype: string) => planOf({ name: 'sshd', blocktype }).rules.map((rule) => rule.comment);
    expect(comments('drop')).not.toEqual(comments('reject'));
    expect(comments('drop')).toEqual(comments('drop'));
  });
});
