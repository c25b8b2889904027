/** The first evening: the baseline, a ban by hand, and the first attackers. */
import { strict as assert } from 'node:assert';
import { type Login, login } from '../world/attacker.ts';
import { until } from '../world/wait.ts';
import { addresses, attackerAt, type Machine, run, sh, write } from './machine.ts';
import { blocked, client, configFolder, knock, logged, setOf, unblocked } from './service.ts';
import type { Step } from './step.ts';

const baselineText = `# what guides for Debian begin with
[DEFAULT]
bantime = 1h
findtime = 10m
maxretry = 3
backend = systemd
banaction = nftables-multiport

[sshd]
enabled = true
`;

const byHand = { v4: '203.0.113.7', v6: '2001:db8:bad::7' };
const attackers = { v4: '203.0.113.44', v6: '2001:db8:bad::44', neighbour: '203.0.113.45' };

/** The machine may be busy. */
const login_ms_max = 15_000;
/** One that the ban cuts off hears nothing any more. */
const later_ms_max = 6_000;
const logins_max = 12;
const attack_ms_max = 120_000;

/** Guesses passwords until the door is shut, or so often; what each login met. Where sshd itself hangs up, nothing was guessed. */
export async function bruteForce(machine: Machine, source: string, logins = logins_max): Promise<Login[]> {
  const attacker = await attackerAt(machine, source);
  const target = source.includes(':') ? addresses.v6 : addresses.v4;
  const met: Login[] = [];
  const until_ms = performance.now() + attack_ms_max;
  const guesses = () => met.filter((one) => one !== 'closed').length;
  while (guesses() < logins && met.at(-1) !== 'refused' && performance.now() < until_ms)
    met.push(await login(attacker, target, 'nobody-here', met.length === 0 ? login_ms_max : later_ms_max));
  return met;
}

async function attackAndBan(machine: Machine, source: string): Promise<string[]> {
  const met = await bruteForce(machine, source);
  assert.equal(met[0], 'denied', 'the first login is asked for a password');
  assert.equal(met.at(-1), 'refused', `the door stays open: ${met.join(', ')}`);
  const set = await blocked(machine, source);
  assert.equal(set, source.includes(':') ? 'addr6-set-sshd' : 'addr-set-sshd');
  const [ban = ''] = await logged(machine, `[sshd] Ban ${source}`);
  assert.match(ban, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \S+\.actions +\[\d+\]: NOTICE {2}\[sshd\] Ban /);
  assert.match(await client(machine, 'status sshd'), new RegExp(`Banned IP list:.*${source}`));
  return [`ssh: ${met.join(', ')}`, `in the kernel's set ${set}`, ban];
}

export const baseline: readonly Step[] = [
  {
    name: 'the baseline drop-in passes -t',
    async play({ machine }) {
      await write(machine, `${configFolder}/jail.d/99-local.conf`, baselineText);
      const { code, stdout, stderr } = await run(machine, 'edgeban-client -t');
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /^OK: configuration test is successful$/m);
      return stdout + stderr;
    },
  },
  {
    name: 'restart; ping and status answer at once',
    async play({ machine }) {
      const { code, stdout, stderr } = await run(
        machine,
        'systemctl restart edgeban && edgeban-client ping && edgeban-client status && systemctl is-active edgeban',
      );
      assert.equal(code, 0, stdout + stderr);
      assert.equal(stdout, 'Server replied: pong\nStatus\n|- Number of jail:\t1\n`- Jail list:\tsshd\nactive\n');
      const status = await client(machine, 'status sshd');
      assert.match(status, /Journal matches:\t_SYSTEMD_UNIT=ssh\.service \+ _COMM=sshd/);
      return [stdout, status];
    },
  },
];

export const bans: readonly Step[] = [
  {
    name: 'a documentation address is banned by hand, and unbanned',
    async play({ machine }) {
      const told: string[] = [];
      for (const address of [byHand.v4, byHand.v6]) {
        assert.equal(await client(machine, `set sshd banip ${address}`), '1');
        const set = await blocked(machine, address);
        assert.match(await client(machine, 'get sshd banip --with-time'), new RegExp(`${address} \\t.* \\+ 3600 = `));
        assert.equal(await client(machine, `set sshd unbanip ${address}`), '1');
        await unblocked(machine, address);
        told.push(`in ${set}, and out again`, ...(await logged(machine, `ban ${address}`)));
        told.push(...(await logged(machine, `Ban ${address}`)));
      }
      return told;
    },
  },
  {
    name: 'ssh brute force over IPv4 is refused',
    play: async ({ machine }) => [
      ...(await attackAndBan(machine, attackers.v4)),
      `${attackers.neighbour}: ${await stillOpen(machine, attackers.neighbour)}`,
    ],
  },
  {
    name: 'ssh brute force over IPv6 is refused',
    play: ({ machine }) => attackAndBan(machine, attackers.v6),
  },
  {
    name: 'the nft table has the names and the rules of fail2ban',
    async play({ machine }) {
      const table = await sh(machine, 'nft list table inet f2b-table');
      assert.match(table, /chain f2b-chain \{/);
      assert.match(table, /tcp dport (22|\{ 22 \}) ip saddr @addr-set-sshd reject/);
      assert.match(table, /tcp dport (22|\{ 22 \}) ip6 saddr @addr6-set-sshd reject/);
      return table;
    },
  },
  {
    name: 'a restart keeps the bans, and their ends',
    async play({ machine }) {
      const before = await client(machine, 'get sshd banip --with-time');
      // the client leaves it to systemd: the daemon stays in its service
      assert.equal(await client(machine, 'restart'), 'Shutdown successful\nServer ready');
      assert.equal(await sh(machine, 'systemctl is-active edgeban'), 'active');
      assert.equal(
        await sh(machine, 'systemctl show -p MainPID --value edgeban'),
        await sh(machine, 'cat /run/edgeban/edgeban.pid'),
      );
      assert.equal(await client(machine, 'get sshd banip --with-time'), before);
      for (const address of [attackers.v4, attackers.v6]) assert.notEqual(await setOf(machine, address), null);
      return before;
    },
  },
];

async function stillOpen(machine: Machine, source: string): Promise<string> {
  return await until('a neighbour is let in', async () => (await knock(machine, source)) === 'open' && 'still let in');
}
