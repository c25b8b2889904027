/** Whom no match may shut out: an administrator at work, this host, its gateway, Cloudflare. An explicit word may. */
import { strict as assert } from 'node:assert';
import { here } from '../world/place.ts';
import { until } from '../world/wait.ts';
import { bruteForce } from './bans.ts';
import { addresses, attackerAt, gateway, type Machine, run, sh, write } from './machine.ts';
import { client, knock, logged, setOf, withDropIn } from './service.ts';
import type { Step } from './step.ts';

const desks = { v4: '203.0.113.120', v6: '2001:db8:bad::120' };

/** Holds an ssh session of root's open from `source` while `play` runs. */
async function atWork<T>(machine: Machine, source: string, play: () => Promise<T>): Promise<T> {
  const key = `${machine.folder}/key`;
  await here.must(['sh', '-c', `test -e ${key} || ssh-keygen -q -t ed25519 -N '' -f ${key}`]);
  await write(machine, '/root/.ssh/authorized_keys', await here.must(['cat', `${key}.pub`]));
  const { place } = await attackerAt(machine, source);
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'].flatMap((one) => [
    '-o',
    one,
  ]);
  const target = `root@${source.includes(':') ? addresses.v6 : addresses.v4}`;
  const command = ['ssh', '-F', 'none', ...options, '-i', key, '-b', source, target, 'echo here; exec sleep 600'];
  const session = place.start('an administrator', command, `${machine.folder}/desk.log`);
  try {
    await until('the session', () => session.log().includes('here'));
    return await play();
  } finally {
    await session.kill('SIGTERM');
    await sh(machine, 'rm -r /root/.ssh');
  }
}

const exempt = '/etc/ssh/sshd_config.d/10-desk.conf';

/** From 9.8 on sshd itself turns away who fails often, by chance before or after edgeban: not `source`, while `play` runs. */
async function unpunished<T>(machine: Machine, source: string, play: () => Promise<T>): Promise<T> {
  await write(machine, exempt, `PerSourcePenaltyExemptList ${source}\n`);
  // older ones have no penalties, and the option is an error
  await sh(machine, `sshd -t || rm ${exempt}; systemctl restart ssh`);
  try {
    return await play();
  } finally {
    await sh(machine, `rm -f ${exempt}; systemctl restart ssh`);
  }
}

/** `banip` is refused with what would do it, and does it with that word. */
async function onlyByForce(machine: Machine, jail: string, address: string): Promise<string> {
  const { code, stdout, stderr } = await run(machine, `edgeban-client set ${jail} banip ${address}`);
  assert.equal(code, 255, `${address}: ${stdout}`);
  assert.match(stdout + stderr, /banip --force bans it all the same/);
  assert.equal(await setOf(machine, address), null);
  assert.equal(await client(machine, `set ${jail} banip --force ${address}`), '1');
  assert.equal(await client(machine, `set ${jail} unbanip ${address}`), '1');
  return stderr.trim();
}

/** Fails while he is at work, and once more when he has gone. */
async function failsTwice(machine: Machine, source: string): Promise<string[]> {
  const told = await atWork(machine, source, async () => {
    const met = await bruteForce(machine, source, 4);
    assert.deepEqual([...new Set(met)], ['denied'], 'each login is asked for its password');
    assert.equal(await knock(machine, source), 'open');
    const lines = await logged(machine, `Ignore ${source} by guard: root is logged in from ${source}`);
    assert.notDeepEqual(lines, []);
    const story = await sh(machine, `edgeban explain ${source}`);
    assert.match(story, new RegExp(`root is logged in from ${source}`));
    return [`ssh: ${met.join(', ')}`, ...lines, story, await onlyByForce(machine, 'sshd', source)];
  });
  const met = await bruteForce(machine, source);
  assert.equal(met.at(-1), 'refused', met.join(', '));
  await client(machine, `unban ${source}`);
  return [...told, `after the session: ${met.join(', ')}`];
}

const atDesk = (source: string): Step => ({
  name: `an administrator at work at ${source} is not shut out by failures from there; when he has gone, they ban`,
  play: ({ machine }) => unpunished(machine, source, () => failsTwice(machine, source)),
});

/** With dates: what stands in a log before it is opened counts by its time, and the service is ready a moment earlier. */
const log = '/var/log/desk.log';
const jail = `[desk]\nenabled = true\nbackend = polling\nlogpath = ${log}\nmaxretry = 1\nfailregex = ^\\s*denied <HOST>$\nfilter =\n`;

/** Who, and what the log says of why. */
const spared: readonly (readonly [string, string])[] = [
  [addresses.v4, 'ignoreself rule'],
  [addresses.v6, 'ignoreself rule'],
  ['127.0.0.1', ''],
  ['::1', ''],
  [gateway.v4, 'ERR_GUARD_GATEWAY'],
  [gateway.v6, 'ERR_GUARD_GATEWAY'],
  ['104.16.0.1', 'ERR_GUARD_CLOUDFLARE'],
  ['2606:4700::1', 'ERR_GUARD_CLOUDFLARE'],
];
const stranger = '203.0.113.121';

const bystanders: Step = {
  name: "this host, its gateway and Cloudflare's ranges are never banned by a match, and each refusal says why",
  async play({ machine }) {
    await write(machine, log, '');
    try {
      return await withDropIn(machine, jail, async () => {
        for (const [address] of [...spared, [stranger]]) await sh(machine, `date '+%F %T denied ${address}' >>${log}`);
        await until('the ban after them', async () => (await setOf(machine, stranger)) !== null);
        const told: string[] = [];
        for (const [address, why] of spared) {
          const isTold = (line: string) => line.includes(why);
          const line = await until(`the word on ${address}`, async () =>
            (await logged(machine, `[desk] Ignore ${address} by`)).find(isTold),
          );
          told.push(line, await onlyByForce(machine, 'desk', address));
        }
        assert.match(await client(machine, 'status desk'), new RegExp(`Banned IP list:\\t${stranger}$`));
        return told;
      });
    } finally {
      await sh(machine, `rm ${log}`);
    }
  },
};

export const lockout: readonly Step[] = [atDesk(desks.v4), atDesk(desks.v6), bystanders];
