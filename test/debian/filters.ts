/** A filter and a jail of the administrator's own, as guides for Debian have them. */
import { strict as assert } from 'node:assert';
import { until } from '../world/wait.ts';
import { type Machine, run, sh, write } from './machine.ts';
import { banByHand, blocked, client, configFolder, knock, logged, restart, withDropIn } from './service.ts';
import type { Step } from './step.ts';

/** Written for fail2ban and for the sshd of Debian 12, as what one finds on the web is. */
const customFilter = `[INCLUDES]
before = common.conf

[Definition]
_daemon = sshd
failregex = ^%(__prefix_line)sConnection (?:closed|reset) by <HOST> port \\d+(?: \\[preauth\\])?\\s*$
            ^%(__prefix_line)s(?:fatal: )?Unable to negotiate with <HOST> port \\d+: .*$
ignoreregex =
journalmatch = _SYSTEMD_UNIT=ssh.service + _COMM=sshd
`;

const jailOf = (filter: string): string => `[${filter}]
enabled = true
filter = ${filter}
port = ssh
backend = systemd
maxretry = 3
`;

const visitors = { shipped: '203.0.113.60', guide: '203.0.113.61' };

/** Hangs up before the login, as scanners do, until the door is shut; sshd does not log each time. */
async function hangUp(machine: Machine, source: string): Promise<void> {
  assert.equal(await knock(machine, source), 'open');
  await until(`${source} refused`, async () => (await knock(machine, source)) === 'refused', { every_ms: 300 });
}

async function test(machine: Machine): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await run(machine, 'edgeban-client -t');
  return { code, said: stdout + stderr };
}

async function caught(machine: Machine, jail: string, source: string): Promise<string[]> {
  const { code, said } = await test(machine);
  assert.equal(code, 0, said);
  await hangUp(machine, source);
  const set = await blocked(machine, source);
  assert.equal(set, `addr-set-${jail}`);
  const tried = await sh(machine, `edgeban-regex systemd-journal ${configFolder}/filter.d/${jail}.conf`);
  const [, matched = '0'] = /, (\d+) matched,/.exec(tried) ?? [];
  assert.ok(Number(matched) >= 3, tried);
  return [...(await logged(machine, `[${jail}] Ban ${source}`)), /^Lines:.*$/m.exec(tried)?.[0] ?? ''];
}

export const filters: readonly Step[] = [
  {
    name: 'a drop-in 99- wins over the defaults of the package',
    async play({ machine }) {
      const words = ['bantime', 'findtime', 'maxretry', 'actions'];
      const told = await sh(machine, words.map((word) => `edgeban-client get sshd ${word}`).join(' && '));
      assert.equal(told, '3600\n600\n3\nThe jail sshd has the following actions:\nnftables-multiport');
      return [told, await sh(machine, `ls ${configFolder}/jail.d`)];
    },
  },
  {
    name: 'sshd-kex, as it is shipped, catches who hangs up before the login',
    async play({ machine }) {
      return await withDropIn(machine, jailOf('sshd-kex'), () => caught(machine, 'sshd-kex', visitors.shipped));
    },
  },
  {
    name: 'sshd-kex, as a guide wrote it for Debian 12 and fail2ban, catches too',
    async play({ machine }) {
      await write(machine, `${configFolder}/filter.d/guide-kex.conf`, customFilter);
      return await withDropIn(machine, jailOf('guide-kex'), () => caught(machine, 'guide-kex', visitors.guide));
    },
  },
  {
    name: 'a custom jail that reads the whole journal is told of',
    async play({ machine }) {
      const filter = '[Definition]\nfailregex = ^\\S+ \\S+ gave up on <HOST>$\n';
      await write(machine, `${configFolder}/filter.d/custom.conf`, filter);
      return await withDropIn(machine, jailOf('custom'), async () => {
        const { code, said } = await test(machine);
        assert.equal(code, 0, said);
        assert.match(said, /custom.*journalmatch|journalmatch.*custom/);
        return said;
      });
    },
  },
  {
    name: 'a log file that is not there: told, and read once it is',
    async play({ machine }) {
      const filter = '[Definition]\nfailregex = ^ gave up on <HOST>$\n';
      await write(machine, `${configFolder}/filter.d/custom.conf`, filter);
      const jail = '[custom]\nenabled = true\nbackend = auto\nlogpath = /var/log/later.log\nmaxretry = 1\nport = ssh\n';
      return await withDropIn(machine, jail, async () => {
        const { code, said } = await test(machine);
        assert.match(said, /\/var\/log\/later\.log/);
        assert.match(await client(machine, 'status'), /Jail list:\tcustom, sshd$/m);
        await sh(machine, 'date "+%F %T gave up on 203.0.113.70" >/var/log/later.log');
        const set = await blocked(machine, '203.0.113.70', 90_000);
        return [`-t: exit ${code}`, said, `203.0.113.70 in ${set}`];
      });
    },
  },
  {
    name: 'a regex that is broken is named, and the other jails start',
    async play({ machine }) {
      await write(machine, `${configFolder}/filter.d/broken.conf`, '[Definition]\nfailregex = ^refused (<HOST>$\n');
      return await withDropIn(machine, jailOf('broken'), async () => {
        const { code, said } = await test(machine);
        assert.equal(code, 255, said);
        assert.match(said, /filter\.d\/broken\.conf:2/);
        assert.match(await client(machine, 'status'), /Jail list:\tsshd$/m);
        assert.notEqual((await logged(machine, 'broken.conf')).length, 0, 'the log names it');
        return [said, await banByHand(machine, 'sshd', '203.0.113.71', 22)];
      });
    },
  },
  {
    name: 'the socket is missing: the words and the exit code of fail2ban',
    async play({ machine }) {
      await sh(machine, 'systemctl stop edgeban');
      const ping = await run(machine, 'edgeban-client ping');
      const status = await run(machine, 'edgeban-client status');
      await restart(machine);
      for (const { code, stderr } of [ping, status]) {
        assert.equal(code, 255);
        assert.match(
          stderr,
          /ERROR +Failed to access socket path: \/run\/edgeban\/edgeban\.sock\. Is fail2ban running\?/,
        );
      }
      assert.equal(await client(machine, 'ping'), 'Server replied: pong');
      return [ping.stderr, `exit ${ping.code}`];
    },
  },
];
