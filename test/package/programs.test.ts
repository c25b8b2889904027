/** Firewall programs that a jail needs and this host has not. */
import { expect, test } from 'vitest';
import { bareJail, type JailPlan } from '../../host-agent/agent/plan.ts';
import { programFindings } from '../../host-agent/daemon/programs.ts';
import { actionConf } from '../actions/action-conf.ts';

const rules = {
  ...{ maxretry: 1, findtime: 600, bantime: 600, maxmatches: 1, increment: null },
  ...{ ignoreself: true, sliding: false, prefix6: 128 },
};

function findings(asked: string, missing: (program: string) => boolean, file = '') {
  const action = actionConf(asked, undefined, file === '' ? {} : { 'own.conf': `[Definition]\n${file}\n` });
  const jail: JailPlan = { ...bareJail, name: 'web', rules, backend: 'polling', actions: [action] };
  return programFindings([jail], (program) => !missing(program));
}

test.for([
  ['ufw', ['ufw']],
  ['iptables-multiport', ['iptables']],
  ['iptables-ipset', ['ipset', 'iptables']],
  ['firewallcmd-ipset', ['ipset', 'firewall-cmd']],
  ['firewallcmd-multiport', ['firewall-cmd']],
  ['firewallcmd-rich-rules', ['firewall-cmd']],
  ['route', ['ip']],
  ['nftables-allports', ['nft']],
  ['hostsdeny', []],
  ['sendmail', []],
] as const)('%s needs %j', ([asked, programs]) => {
  const found = findings(asked, () => true);
  expect(found.map(({ message }) => /: (\S+) is not installed/.exec(message)?.[1])).toEqual(programs);
  expect(findings(asked, () => false)).toEqual([]);
});

test('it is a warning at the place where the action is named, with the package', () => {
  const [one] = findings('firewallcmd-new', () => true);
  expect(one).toMatchObject({ severity: 'warning', code: 'ERR_ACTION_PROGRAM', line: 6, jail: 'web' });
  expect(one?.file).toMatch(/jail\.conf$/);
  expect(one?.remedy).toBe('apt install firewalld, or choose another banaction');
});

test.for([
  ['actionban = command -v ipset && ipset add x <ip> || iptables -I x -s <ip>', []],
  ['actionban = echo "ufw deny <ip>; iptables" >> /tmp/list', []],
  ['actionban = if true; then ufw deny from <ip>; fi', ['ufw']],
  ['actionban = /usr/local/bin/iptables -I x -s <ip>', []],
  ['actionban = myban <ip>', []],
] as const)("%s: of an action of the administrator's own", ([text, programs]) => {
  const found = findings('own', () => true, text);
  expect(found.map(({ message }) => /: (\S+) is not installed/.exec(message)?.[1])).toEqual(programs);
});
