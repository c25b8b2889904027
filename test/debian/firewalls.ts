/** The firewalls that an administrator may have chosen before. */
import { strict as assert } from 'node:assert';
import { until } from '../world/wait.ts';
import { addresses, attackerAt, type Machine, run, sh } from './machine.ts';
import { banByHand, client, knock, withDropIn } from './service.ts';
import type { Step, Walk } from './step.ts';

interface Firewall {
  /** A jail for each, so that what is done to the firewall is waited out once for all of them. */
  readonly banactions: readonly string[];
  /** Switches it on with ssh let in. */
  readonly start: string;
  readonly stop: string;
  /** Prints its rules. */
  readonly list: string;
  /** What an administrator does to it while addresses are banned. */
  readonly shakes?: readonly string[];
}

const firewalls: readonly Firewall[] = [
  { banactions: ['iptables-multiport'], start: 'true', stop: 'true', list: 'iptables -S; ip6tables -S' },
  {
    banactions: ['ufw'],
    start: 'ufw allow ssh && ufw --force enable',
    stop: 'ufw --force disable && ufw --force reset',
    list: 'ufw status',
    shakes: ['ufw --force disable && ufw --force enable && ufw reload'],
  },
  {
    banactions: ['firewallcmd-ipset', 'firewallcmd-rich-rules'],
    start: 'systemctl start firewalld',
    stop: 'systemctl stop firewalld',
    list: 'firewall-cmd --direct --get-all-rules; firewall-cmd --list-all; nft list ruleset',
    shakes: [
      'systemctl stop firewalld && systemctl is-active edgeban && systemctl start firewalld',
      'systemctl restart firewalld',
      'firewall-cmd --reload',
    ],
  },
];

interface Guard {
  readonly jail: string;
  readonly banaction: string;
  /** Whom it bans, by hand. */
  readonly sources: readonly string[];
}

function guardsOf({ banactions }: Firewall): Guard[] {
  return banactions.map((banaction, i) => ({
    jail: i === 0 ? 'sshd' : `sshd-${i + 1}`,
    banaction,
    sources: [`203.0.113.${90 + i}`, `2001:db8:bad::${90 + i}`],
  }));
}

function jailOf({ jail, banaction }: Guard): string {
  return `[${jail}]\nenabled = true\nfilter = sshd\nport = ssh\nbackend = systemd\nbanaction = ${banaction}\n`;
}

/** What the demands on edgeban say of a firewall that somebody else has emptied. */
const repair_ms_max = 30_000;

/** Whatever is done to the firewall: the daemon runs on, and who is banned is shut out again. */
async function shaken(machine: Machine, how: string, sources: readonly string[]): Promise<string> {
  const pid = await sh(machine, 'systemctl show -p MainPID --value edgeban');
  await sh(machine, how);
  const began = performance.now();
  for (const source of sources)
    await until(`${source} refused`, async () => (await knock(machine, source)) === 'refused', {
      within_ms: repair_ms_max,
    });
  const took_s = (performance.now() - began) / 1000;
  assert.equal(await sh(machine, 'systemctl show -p MainPID --value edgeban'), pid, 'the daemon has run on');
  return `${how}: refused again after ${took_s.toFixed(1)} s`;
}

async function tryOut(machine: Machine, { list, shakes = [] }: Firewall, guards: readonly Guard[]): Promise<string[]> {
  const told: string[] = [];
  for (const { jail, banaction, sources } of guards) {
    assert.match(await client(machine, `get ${jail} actions`), new RegExp(banaction));
    for (const source of sources) {
      told.push(await banByHand(machine, jail, source, 22));
      assert.equal(await client(machine, `set ${jail} banip ${source}`), '1');
    }
  }
  const all = guards.flatMap(({ sources }) => sources);
  for (const shake of shakes) told.push(await shaken(machine, shake, all));
  told.push(...(await sh(machine, list)).split('\n').filter((line) => /f2b|203\.0\.113|2001:db8:bad/.test(line)));
  assert.equal(await client(machine, 'unban --all'), String(all.length));
  assert.doesNotMatch(await sh(machine, list), /203\.0\.113\.9|2001:db8:bad::9/);
  return told;
}

const guest = '203.0.113.95';

/** Of the kernel's table of connections, those that this address began. */
async function openOf(machine: Machine, source: string): Promise<string[]> {
  const { stdout } = await run(machine, `conntrack -L -f ipv4 -s ${source}`);
  return stdout.split('\n').filter((line) => line.includes(`src=${source}`));
}

/** Holds a connection to sshd open while `play` runs. */
async function withConnection<T>(machine: Machine, source: string, play: () => Promise<T>): Promise<T> {
  const { place } = await attackerAt(machine, source);
  const code = `require('net').connect({ host: '${addresses.v4}', port: 22, localAddress: '${source}' }).on('error', () => 0)`;
  const visit = place.start('a visitor', [process.execPath, '-e', code], `${machine.folder}/visitor.log`);
  try {
    await until('the connection', async () => (await openOf(machine, source)).length > 0);
    return await play();
  } finally {
    await visit.kill('SIGKILL');
  }
}

const killMode: Step = {
  name: 'kill-mode = conntrack: a ban takes open connections out of the table; -t misses the program',
  async play({ machine }) {
    // the kernel keeps the table where a rule asks for it
    await sh(
      machine,
      "nft 'add table inet walk; add chain inet walk c { type filter hook input priority 9; }; add rule inet walk c ct state new accept'",
    );
    const jail = '[sshd]\nenabled = true\nbanaction = nftables[kill-mode=conntrack]\n';
    try {
      return await withDropIn(machine, jail, async () => {
        const told = await withConnection(machine, guest, async () => {
          const [before = ''] = await openOf(machine, guest);
          await client(machine, `set sshd banip ${guest}`);
          await until('its end', async () => (await openOf(machine, guest)).length === 0);
          return before;
        });
        await client(machine, `set sshd unbanip ${guest}`);
        await sh(machine, 'mv /usr/sbin/conntrack /usr/sbin/conntrack.away');
        const { code, stderr } = await run(machine, 'edgeban-client -t');
        await sh(machine, 'mv /usr/sbin/conntrack.away /usr/sbin/conntrack');
        assert.equal(code, 255);
        assert.match(stderr, /kill-mode = conntrack.*apt install conntrack/);
        return [`before the ban: ${told.trim()}`, 'after it: nothing', stderr];
      });
    } finally {
      await sh(machine, 'nft delete table inet walk');
    }
  },
};

const chosen: readonly Step[] = firewalls.map((firewall) => ({
  name: `banaction = ${firewall.banactions.join(', and in another jail ')}`,
  async play({ machine }: Walk) {
    const guards = guardsOf(firewall);
    await client(machine, 'unban --all');
    await sh(machine, firewall.start);
    try {
      const jails = guards.map(jailOf).join('\n');
      return await withDropIn(machine, jails, () => tryOut(machine, firewall, guards));
    } finally {
      await sh(machine, firewall.stop);
    }
  },
}));

const nftablesAnew: Step = {
  name: 'nftables restarted, reloaded, flushed: the bans are in force again, and edgeban runs on',
  async play({ machine }) {
    const sources = ['203.0.113.90', '2001:db8:bad::90'];
    for (const source of sources) await client(machine, `set sshd banip ${source}`);
    const told: string[] = [];
    for (const word of ['start', 'restart', 'reload'])
      told.push(await shaken(machine, `systemctl ${word} nftables`, sources));
    await client(machine, 'unban --all');
    await sh(machine, 'systemctl stop nftables');
    return told;
  },
};

export const otherFirewalls: readonly Step[] = [...chosen, nftablesAnew, killMode];
