/** Logs as Debian has them: auth.log from rsyslog with a jail on the file, and our own log under logrotate. */
import { strict as assert } from 'node:assert';
import { until } from '../world/wait.ts';
import { bruteForce } from './bans.ts';
import { latency } from './latency.ts';
import { type Machine, run, sh } from './machine.ts';
import { blocked, client, logged, setOf, withDropIn } from './service.ts';
import type { Step } from './step.ts';

const authLog = '/var/log/auth.log';
const attacker = '203.0.113.130';
const recidivist = '203.0.113.131';
const samples = 9;

const fileJail = `[sshd]
enabled = true
backend = auto
logpath = ${authLog}
`;

const recidive = `[recidive]
enabled = true
backend = auto
logpath = /var/log/edgeban.log
maxretry = 2
findtime = 1h
bantime = 1h
`;

/** rsyslog runs while `play` does, as on a Debian where an administrator has installed it. */
async function withRsyslog<T>(machine: Machine, play: () => Promise<T>): Promise<T> {
  // its socket starts the unit by an alias that only an enabled one has
  await sh(machine, 'systemctl -q enable --now rsyslog && logger -p auth.info -t walk began');
  try {
    await until('auth.log', () => sh(machine, `grep -c 'walk.*began' ${authLog}`));
    return await play();
  } finally {
    await sh(machine, `systemctl -q disable --now rsyslog; systemctl stop syslog.socket; rm -f ${authLog}`);
  }
}

/** A ban by hand, and what the log says of it in the file that is current. */
async function banOnce(machine: Machine, address: string): Promise<string> {
  assert.equal(await client(machine, `set sshd banip ${address}`), '1');
  await blocked(machine, address);
  return await until('the line', async () => (await logged(machine, `[sshd] Ban ${address}`)).at(-1));
}

async function rotate(machine: Machine): Promise<string> {
  await sh(machine, 'logrotate --force /etc/logrotate.d/edgeban');
  assert.equal(await sh(machine, 'stat -c "%a %U %G" /var/log/edgeban.log'), '640 root adm');
  assert.equal(await sh(machine, `grep -c '\\[sshd\\] Ban ${recidivist}' /var/log/edgeban.log.1`), '1');
  return await sh(machine, 'ls /var/log/edgeban.log*');
}

/** The daemon has few rights, and logger and journald have rules of their own: does what it says arrive? */
async function saidThrough(machine: Machine, target: string, address: string): Promise<string> {
  await client(machine, `set logtarget ${target}`);
  await client(machine, `set sshd banip ${address}`);
  await client(machine, `set sshd unbanip ${address}`);
  return await until(`the word of ${address} in the journal`, async () => {
    const { stdout } = await run(machine, `journalctl --no-pager --since -1min --grep 'Ban ${address}'`);
    return stdout.split('\n').find((line) => line.includes(`NOTICE [sshd] Ban ${address}`));
  });
}

export const logs: readonly Step[] = [
  {
    name: 'in the sandbox: the log through syslog(3) and through the journal',
    async play({ machine }) {
      try {
        const through = (target: string, address: string) => saidThrough(machine, target, address);
        return [await through('SYSLOG', '203.0.113.161'), await through('SYSTEMD-JOURNAL', '203.0.113.162')];
      } finally {
        await client(machine, 'set logtarget /var/log/edgeban.log');
      }
    },
  },
  {
    name: "a file jail on rsyslog's auth.log catches a brute force",
    play: ({ machine }) =>
      withRsyslog(machine, () =>
        withDropIn(machine, fileJail, async () => {
          assert.match(await client(machine, 'status sshd'), new RegExp(`File list:\\t${authLog}`));
          const met = await bruteForce(machine, attacker);
          assert.equal(met.at(-1), 'refused', met.join(', '));
          assert.equal(await blocked(machine, attacker), 'addr-set-sshd');
          const line = await sh(machine, `grep -F ${attacker} ${authLog} | head -n 1`);
          await client(machine, `set sshd unbanip ${attacker}`);
          return [`ssh: ${met.join(', ')}`, line, ...(await logged(machine, `[sshd] Ban ${attacker}`))];
        }),
      ),
  },
  {
    name: "from syslog(3) to the kernel: through rsyslog's file, and through the journal",
    play: ({ machine }) => withRsyslog(machine, () => latency(machine, 'syslog', samples)),
  },
  {
    name: 'logrotate with the file that is shipped: the log goes on, recidive reads on and counts on',
    play: ({ machine }) =>
      withDropIn(machine, recidive, async () => {
        const before = await banOnce(machine, recidivist);
        await client(machine, `set sshd unbanip ${recidivist}`);
        const files = await rotate(machine);
        const after = await banOnce(machine, recidivist);
        assert.notEqual(after, before);
        const [again = ''] = await until('recidive', async () => {
          const lines = await logged(machine, `[recidive] Ban ${recidivist}`);
          return lines.length > 0 && lines;
        });
        await client(machine, `unban ${recidivist}`);
        assert.equal(await setOf(machine, recidivist), null);
        return [before, files, after, again];
      }),
  },
];
