/** The package's own life: installed, upgraded, removed, purged; and the companion that takes fail2ban's names. */
import { strict as assert } from 'node:assert';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../world/wait.ts';
import { type Machine, run, sh, write } from './machine.ts';
import { blocked, client, configFolder, knock, setOf } from './service.ts';
import type { Step } from './step.ts';

const held = { v4: '203.0.113.110', v6: '2001:db8:bad::110' };

/** As an administrator does it: the file in his home, and apt. */
async function install(machine: Machine, file: string): Promise<string> {
  const name = file.split('/').at(-1);
  copyFileSync(file, join(machine.root, 'root', `${name}`));
  const printed = await sh(machine, `apt-get install -y ./${name} 2>&1; test $? = 0 && rm ./${name}`);
  assert.doesNotMatch(printed, /dpkg: (warning|error)|E: /);
  return printed;
}

const installed = (machine: Machine, name: string): Promise<string> =>
  sh(machine, `dpkg-query -W -f '\${Version} \${Installed-Size} \${db:Status-Abbrev}' ${name}`);

export const installation: readonly Step[] = [
  {
    name: 'apt installs the package, and the service runs',
    async play({ machine, packages }) {
      await install(machine, packages.edgeban);
      assert.equal((await run(machine, 'command -v node')).code, 127, 'there is no Node but in the package');
      const state = await sh(machine, 'systemctl is-enabled edgeban; systemctl is-active edgeban; edgeban-client ping');
      assert.equal(state, 'enabled\nactive\nServer replied: pong');
      const [version = '', size = ''] = (await installed(machine, 'edgeban')).split(' ');
      assert.equal(await sh(machine, 'stat -c "%a %U" /run/edgeban/edgeban.sock'), '600 root');
      return [`version ${version}, installed ${(Number(size) / 1024).toFixed(0)} MiB`, state];
    },
  },
];

/** Asks the kernel all the time; prints each state once it has changed, and at the end how often it asked. */
const watcher = (set: string, address: string): string => `
asked=0 gone=0
while [ ! -e /run/watch-end ]; do
  asked=$((asked + 1))
  nft get element inet f2b-table ${set} '{ ${address} }' >/dev/null 2>&1 || gone=$((gone + 1))
done
echo "$asked $gone"
`;

const failedLogin =
  'Jan  1 00:00:00 gate sshd[101]: Failed password for invalid user admin from 192.0.2.1 port 50000 ssh2';

/** fail2ban's programs, service and folder are there, and are edgeban's. */
async function withOldNames(machine: Machine): Promise<string[]> {
  await sh(machine, 'systemctl restart fail2ban');
  const state = await sh(machine, 'fail2ban-client ping; systemctl is-active fail2ban edgeban');
  assert.equal(state, 'Server replied: pong\nactive\nactive');
  assert.match(await sh(machine, 'fail2ban-client status'), /Jail list:\t.*sshd/);
  assert.equal(await sh(machine, `fail2ban-client set sshd banip ${held.v4}`), '1');
  // by whichever action fail2ban's configuration names: iptables in Debian 11's
  await until('the door shut', async () => (await knock(machine, held.v4)) === 'refused');
  const tried = await sh(machine, "fail2ban-regex 'Jan  1 00:00:00 gate: 192.0.2.1 failed' '<HOST> failed$'");
  assert.match(tried, /1 matched/);
  await sh(machine, 'pgrep -x fail2ban-server');
  const tested = await sh(machine, 'fail2ban-client -t 2>&1');
  assert.match(tested, /^OK: configuration test is successful$/m);
  assert.doesNotMatch(tested, /ERR_CONFIG_NEIGHBOUR/, 'it is no neighbour of itself');
  // a filter by its name is fail2ban's, from its folder
  await write(machine, '/root/auth.log', `${failedLogin}\n`);
  const byName = await sh(machine, 'fail2ban-regex /root/auth.log sshd');
  assert.match(byName, /^Use +(jail|filter file) : sshd/m);
  assert.match(byName, /1 matched/);
  assert.equal(await sh(machine, 'fail2ban-client reload'), 'OK');
  assert.match(await sh(machine, 'fail2ban-client get sshd banip'), new RegExp(held.v4));
  assert.match(await sh(machine, 'man -w fail2ban-client'), /edgeban-client\.1/);
  return [state, await sh(machine, 'fail2ban-client --version; dpkg -S /usr/bin/fail2ban-*; ls /etc/fail2ban')];
}

export const lastDays: readonly Step[] = [
  {
    name: 'an upgrade: the bans stay in the kernel all the time',
    async play({ machine, packages }) {
      await client(machine, 'unban --all');
      for (const address of [held.v4, held.v6]) {
        await client(machine, `set sshd banip ${address}`);
        await blocked(machine, address);
      }
      const before = await installed(machine, 'edgeban');
      const watch = sh(machine, watcher('addr-set-sshd', held.v4));
      const pid = await sh(machine, 'systemctl show -p MainPID --value edgeban');
      try {
        await install(machine, packages.newer);
      } finally {
        await sh(machine, 'touch /run/watch-end');
      }
      const [asked = 0, gone = 0] = (await watch).split(' ').map(Number);
      const after = await installed(machine, 'edgeban');
      assert.notEqual(after, before);
      assert.notEqual(await sh(machine, 'systemctl show -p MainPID --value edgeban'), pid, 'a new daemon runs');
      assert.equal(gone, 0, `of ${asked} looks, ${gone} found the ban missing`);
      for (const address of [held.v4, held.v6]) assert.notEqual(await setOf(machine, address), null);
      assert.match(await client(machine, 'get sshd banip'), new RegExp(`${held.v4} ${held.v6}`));
      assert.ok(asked > 50, `only ${asked} looks`);
      return `${before} → ${after}: looked ${asked} times, missing ${gone} times`;
    },
  },
  {
    name: 'the companion takes the place of fail2ban',
    async play({ machine, packages }) {
      const printed = await install(machine, packages.companion);
      try {
        assert.match(printed, /^Removing fail2ban /m);
        return await withOldNames(machine);
      } finally {
        await sh(machine, 'apt-get purge -y edgeban-fail2ban 2>&1');
      }
    },
  },
  {
    name: 'remove: the bans go, the configuration stays',
    async play({ machine }) {
      await sh(machine, 'systemctl start edgeban');
      // root has run every program by now, and none has written beside itself
      const own =
        "dpkg -L edgeban | grep '^/usr/lib/edgeban/' | sort >/root/own; find /usr/lib/edgeban/* | sort >/root/there";
      assert.equal((await run(machine, `${own}; diff /root/own /root/there`)).stdout, '');
      await client(machine, `set sshd banip ${held.v4}`);
      await blocked(machine, held.v4);
      await sh(machine, 'apt-get remove -y edgeban 2>&1');
      assert.equal((await run(machine, 'command -v edgeban-client')).code, 127);
      assert.equal((await run(machine, 'systemctl is-active edgeban')).stdout.trim(), 'inactive');
      assert.equal(await setOf(machine, held.v4), null, 'nobody would lift the ban');
      return await sh(machine, `ls ${configFolder}/jail.d/99-local.conf ${configFolder}/jail.conf`);
    },
  },
  {
    name: 'purge: nothing is left',
    async play({ machine }) {
      await sh(machine, 'apt-get purge -y edgeban 2>&1');
      const kept = '\\( -path /proc -o -path /sys -o -path /var/log/journal -o -name systemd-private-\\* \\) -prune -o';
      const left = await sh(
        machine,
        `find / -xdev ${kept} -iname '*edgeban*' -print; nft list ruleset | grep f2b; systemctl list-unit-files | grep -i edgeban || true`,
      );
      assert.equal(left, '');
      return 'no file, no unit, no rule';
    },
  },
];
