/** The firewalls that an administrator may have chosen before. */
import { strict as assert } from 'node:assert';
import { type Machine, sh } from './machine.ts';
import { banByHand, client, withDropIn } from './service.ts';
import type { Step, Walk } from './step.ts';

interface Firewall {
  readonly banaction: string;
  /** Switches it on with ssh let in. */
  readonly start: string;
  readonly stop: string;
  /** Prints its rules. */
  readonly list: string;
}

const firewalls: readonly Firewall[] = [
  { banaction: 'iptables-multiport', start: 'true', stop: 'true', list: 'iptables -S; ip6tables -S' },
  {
    banaction: 'ufw',
    start: 'ufw allow ssh && ufw --force enable',
    stop: 'ufw --force disable && ufw --force reset',
    list: 'ufw status',
  },
  {
    banaction: 'firewallcmd-ipset',
    start: 'systemctl start firewalld',
    stop: 'systemctl stop firewalld',
    list: 'firewall-cmd --direct --get-all-rules; firewall-cmd --list-all; nft list ruleset',
  },
  {
    banaction: 'firewallcmd-rich-rules',
    start: 'systemctl start firewalld',
    stop: 'systemctl stop firewalld',
    list: 'firewall-cmd --list-all',
  },
];

const sources = ['203.0.113.90', '2001:db8:bad::90'];

async function tryOut(machine: Machine, { banaction, list }: Firewall): Promise<string[]> {
  assert.match(await client(machine, 'get sshd actions'), new RegExp(banaction));
  const told: string[] = [];
  for (const source of sources) {
    told.push(await banByHand(machine, 'sshd', source, 22));
    assert.equal(await client(machine, `set sshd banip ${source}`), '1');
  }
  told.push(...(await sh(machine, list)).split('\n').filter((line) => /f2b|203\.0\.113|2001:db8:bad/.test(line)));
  assert.equal(await client(machine, 'unban --all'), String(sources.length));
  assert.doesNotMatch(await sh(machine, list), /203\.0\.113\.90|2001:db8:bad::90/);
  return told;
}

export const otherFirewalls: readonly Step[] = firewalls.map((firewall) => ({
  name: `banaction = ${firewall.banaction}`,
  async play({ machine }: Walk) {
    await client(machine, 'unban --all');
    await sh(machine, firewall.start);
    try {
      const jail = `[sshd]\nenabled = true\nbanaction = ${firewall.banaction}\n`;
      return await withDropIn(machine, jail, () => tryOut(machine, firewall));
    } finally {
      // who stops a firewall stops what is part of it (as with fail2ban)
      await sh(machine, `${firewall.stop}; systemctl start edgeban`);
    }
  },
}));
