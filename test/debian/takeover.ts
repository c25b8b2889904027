/** `edgeban import-fail2ban` from the fail2ban of Debian's package, as it runs, with bans in force. */
import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../world/wait.ts';
import { addresses, attackerAt, type Machine, run, sh, write } from './machine.ts';
import { client, configFolder, knock, restart } from './service.ts';
import type { Step } from './step.ts';

const prisoners = { sshd: '203.0.113.150', portal: '203.0.113.151' };
const neighbour = '203.0.113.152';

/** An administrator's own: a jail, its filter, and sshd from a file, for Debian's fail2ban comes without python3-systemd. */
const theirs = {
  '/etc/fail2ban/filter.d/portal.conf': '[Definition]\nfailregex = ^\\s*portal: no entry for <HOST>$\nignoreregex =\n',
  '/etc/fail2ban/jail.d/zz-walk.local': `[DEFAULT]
bantime = 1h
[sshd]
enabled = true
backend = auto
logpath = /var/log/auth.log
[portal]
enabled = true
backend = auto
filter = portal
port = ssh
logpath = /var/log/portal.log
`,
  '/var/log/auth.log': '',
  '/var/log/portal.log': '',
};

/** Knocks without a pause from an address until a file is there; prints how often, and how often somebody opened. */
const knocker = `
const [, localAddress, host, end] = process.argv;
const { existsSync } = require('node:fs');
let [tried, open] = [0, 0];
const knock = () => {
  if (existsSync(end)) { console.log(tried + ' ' + open); process.exit(0); }
  tried += 1;
  const socket = require('node:net').connect({ host, port: 22, localAddress, timeout: 1000 });
  const next = () => { socket.destroy(); setTimeout(knock, 5); };
  socket.on('connect', () => { open += 1; next(); });
  socket.on('timeout', next);
  socket.on('error', next);
};
knock();
`;

/** Knocks while `play` runs; returns what came of it. */
async function whileKnocking(machine: Machine, play: () => Promise<void>): Promise<string> {
  const { place } = await attackerAt(machine, prisoners.sshd);
  const end = join(machine.folder, 'knocking-ends');
  const words = [process.execPath, '-e', knocker, prisoners.sshd, addresses.v4, end];
  const knocking = place.run(words, { timeout_ms: 600_000 });
  try {
    await play();
  } finally {
    writeFileSync(end, '');
  }
  const { stdout, stderr } = await knocking;
  const [tried = 0, open] = stdout.trim().split(' ').map(Number);
  assert.ok(tried > 20, `${tried} knocks${stderr}`);
  assert.equal(open, 0, `of ${tried} knocks, ${open} were let in`);
  return `${prisoners.sshd} knocked ${tried} times meanwhile, and was let in ${open} times`;
}

const treeOf = (machine: Machine): Promise<string> =>
  sh(machine, `cd ${configFolder} && find . -type f -exec md5sum {} + | sort; systemctl is-active fail2ban edgeban`);

async function startFail2ban(machine: Machine): Promise<void> {
  for (const [path, text] of Object.entries(theirs)) await write(machine, path, text);
  await sh(machine, 'systemctl enable --now fail2ban');
  await until('fail2ban', () => sh(machine, 'fail2ban-client ping'));
  for (const [jail, address] of Object.entries(prisoners)) {
    await sh(machine, `fail2ban-client set ${jail} banip ${address}`);
    await until(`${address} banned by fail2ban`, async () => (await knock(machine, address)) === 'refused');
  }
}

async function dryRun(machine: Machine): Promise<string[]> {
  const before = await treeOf(machine);
  const printed = await sh(machine, 'edgeban import-fail2ban --dry-run');
  assert.match(printed, /This is what import-fail2ban would do/);
  for (const word of ['portal', 'zz-walk.local', 'filter.d/portal.conf']) assert.ok(printed.includes(word), printed);
  assert.equal(await treeOf(machine), before, 'a dry run changes nothing');
  const report = JSON.parse(await sh(machine, 'edgeban import-fail2ban --dry-run --json'));
  assert.deepEqual(report.active, { portal: 1, sshd: 1 });
  return report.files
    .filter(({ state }: { state: string }) => state === 'new')
    .map(({ path }: { path: string }) => path);
}

async function takenOver(machine: Machine): Promise<string> {
  assert.equal(
    (await run(machine, 'systemctl is-active fail2ban; systemctl is-enabled fail2ban')).stdout,
    'inactive\ndisabled\n',
  );
  assert.equal(await sh(machine, 'systemctl is-active edgeban'), 'active');
  for (const [jail, address] of Object.entries(prisoners)) {
    assert.match(await client(machine, `get ${jail} banip --with-time`), new RegExp(`${address} \\t.* \\+ 3600 = `));
    assert.equal(await knock(machine, address), 'refused');
  }
  assert.equal(await knock(machine, neighbour), 'open');
  assert.equal((await run(machine, 'nft list table inet edgeban_import')).code, 1, 'the bridge is gone');
  return await client(machine, 'status');
}

export const takeover: readonly Step[] = [
  {
    name: "import-fail2ban takes over Debian's fail2ban as it runs: dry run, then without a moment free",
    async play({ machine }) {
      await startFail2ban(machine);
      const files = await dryRun(machine);
      try {
        let said = '';
        const knocks = await whileKnocking(machine, async () => {
          said = await sh(machine, 'edgeban import-fail2ban 2>&1');
        });
        return [said, knocks, await takenOver(machine)];
      } finally {
        await run(machine, 'systemctl disable --now fail2ban; edgeban-client unban --all');
        const copied = files.map((path) => `${configFolder}/${path}`);
        await sh(machine, `rm -f ${[...Object.keys(theirs), ...copied].join(' ')}`);
        await restart(machine);
      }
    },
  },
];
