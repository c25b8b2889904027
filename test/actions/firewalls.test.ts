/** The shipped actions for iptables, ipset, routes, ufw and hosts.deny, in a network namespace: who gets through, who does not? */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { actionConf, banOf } from './action-conf.ts';
import { Netns, whyNot } from './netns.ts';
import { ticketBench } from './ticket-bench.ts';

const addresses = ['198.51.100.1/32', '198.51.100.7/32', '198.51.100.8/32', '2001:db8:51::1/128', '2001:db8:51::7/128'];
const [attacker4, attacker6] = ['198.51.100.7', '2001:db8:51::7'];

async function place(context: TestContext, ...programs: readonly string[]): Promise<Netns> {
  const reason = whyNot() ?? programs.map(missing).find((why) => why !== null) ?? null;
  if (reason !== null) context.skip(reason);
  const netns = new Netns(addresses);
  onTestFinished(() => netns.remove());
  await netns.listen(2222);
  return netns;
}

function missing(program: string): string | null {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return null;
  } catch {
    return `needs ${program}`;
  }
}

/** Who gets a connection: of the attacker's two addresses, and a third. */
function connects(netns: Netns): string[] {
  const from = [
    [attacker4, '198.51.100.1'],
    [attacker6, '2001:db8:51::1'],
    ['198.51.100.8', '198.51.100.1'],
  ] as const;
  return from.map(([source, to]) => netns.connect(source, to, 2222));
}

const open = ['connected', 'connected', 'connected'];
const shut = ['ECONNREFUSED', 'ECONNREFUSED', 'connected'];

test.for([
  'iptables[type=oneport, port=2222]',
  'iptables-multiport[port="22,2000:2300"]',
  'iptables-allports[protocol="tcp,udp"]',
  'iptables-new[port=2222]',
  'iptables-ipset[port=2222]',
  'iptables-ipset-proto6[port=2222]',
  'iptables-ipset-proto6-allports',
])('%s: shuts both families out, mends what others emptied, leaves nothing', async (asked, context) => {
  const netns = await place(context, 'iptables', 'ip6tables', ...(asked.includes('ipset') ? ['ipset'] : []));
  const bench = ticketBench({ inside: netns.prefix });
  await bench.start(actionConf(asked));
  await bench.ban(banOf(attacker4, { at: Date.now() / 1000 }), banOf(attacker6, { at: Date.now() / 1000 }));
  expect(bench.log.filter((line) => line.startsWith('ERROR'))).toEqual([]);
  expect(connects(netns)).toEqual(shut);
  await bench.unban(attacker4);
  // somebody empties the firewall: noticed when a banned one gets through
  netns.run('ip6tables', '-F');
  await bench.tell('again', banOf(attacker6));
  expect(connects(netns)).toEqual(['connected', 'ECONNREFUSED', 'connected']);
  await bench.stop({ flush: true });
  expect(netns.run('iptables', '-S') + netns.run('ip6tables', '-S')).not.toContain('f2b');
  if (asked.includes('ipset')) expect(netns.run('ipset', '-n', 'list')).toBe('');
});

test('ipset: a stop leaves bans in force with their ends; the next start goes on without a gap', async (context) => {
  const netns = await place(context, 'iptables', 'ip6tables', 'ipset');
  const bench = ticketBench({ inside: netns.prefix });
  const conf = actionConf('iptables-ipset[port=2222]');
  await bench.start(conf);
  await bench.ban(banOf(attacker4, { at: Date.now() / 1000, bantime: 500 }));
  await bench.stop();
  expect(netns.run('ipset', 'list', 'f2b-web')).toMatch(/198\.51\.100\.7 timeout (499|500|49\d)/);
  bench.ran.length = 0;
  await bench.start(conf);
  expect(bench.ran.map(({ script }) => script.split(' ', 3).join(' '))).toEqual(['ipset -n list']);
  expect(connects(netns)[0]).toBe('ECONNREFUSED');
  await bench.unban(attacker4);
  expect(connects(netns)).toEqual(open);
  await bench.stop({ flush: true });
});

test.for([
  ['iptables-multiport[port=2222]', ['iptables', '-F', 'f2b-web']],
  ['iptables-multiport[port=2222]', ['iptables', '-D', 'f2b-web', '1']],
  ['iptables-ipset[port=2222]', ['ipset', 'flush', 'f2b-web']],
  ['iptables-ipset[port=2222]', ['sh', '-c', 'iptables -F && ipset destroy f2b-web']],
  ['route', ['ip', 'route', 'flush', 'type', 'unreachable']],
] as const)('%s: a review finds what %j has taken away, and once only', async ([asked, taking], context) => {
  const netns = await place(context, 'iptables', 'ip6tables', 'ipset');
  const bench = ticketBench({ inside: netns.prefix });
  await bench.start(actionConf(asked));
  const now = Date.now() / 1000;
  await bench.ban(banOf('198.51.100.9', { at: now }), banOf('203.0.113.0/24', { at: now }));
  const firewall = () =>
    [netns.run('iptables', '-S'), netns.run('ipset', 'list'), netns.run('ip', 'route')]
      .join('')
      .match(/198\.51\.100\.9|203\.0\.113\.0\/24/g);
  const whole = firewall();
  expect(whole).toHaveLength(2);
  netns.run(...taking);
  expect(firewall() ?? []).not.toEqual(whole);
  await bench.actions[0]?.review(true);
  expect(firewall()?.toSorted()).toEqual(whole?.toSorted());
  expect(bench.log.filter((line) => line.includes('Reban'))).not.toEqual([]);
  bench.log.length = 0;
  await bench.actions[0]?.review(true);
  expect(bench.log).toEqual([]);
  await bench.stop({ flush: true });
});

test('route', async (context) => {
  const netns = await place(context);
  const bench = ticketBench({ inside: netns.prefix });
  await bench.start(actionConf('route'), actionConf('route[actname=hole, blocktype=blackhole]'));
  await bench.actions[0]?.tell([{ kind: 'ban', ban: banOf('203.0.113.9') }]);
  await bench.actions[1]?.tell([{ kind: 'ban', ban: banOf('2001:db8:9::9') }]);
  expect(netns.run('ip', 'route')).toContain('unreachable 203.0.113.9');
  expect(netns.run('ip', '-6', 'route')).toContain('blackhole 2001:db8:9::9');
  await bench.actions[0]?.tell([{ kind: 'unban', ban: banOf('203.0.113.9') }]);
  await bench.stop();
  expect(netns.run('ip', 'route') + netns.run('ip', '-6', 'route')).not.toMatch(/unreachable 203|blackhole/);
});

test('hosts.deny keeps what others wrote, its mode, and takes no line that is no address', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-deny-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'hosts.deny');
  writeFileSync(file, '# mine\nsshd: 10.0.0.1\n');
  chmodSync(file, 0o640);
  const bench = ticketBench();
  await bench.start(actionConf(`hostsdeny[file=${file}]`), actionConf(`hostsdeny[actname=two, file=${file}]`));
  const now = { at: Date.now() / 1000 };
  await bench.ban(banOf('203.0.113.7', now), banOf('2001:db8::7', now), banOf('x\nALL: ALL', { ip: null }));
  expect(readFileSync(file, 'utf8')).toBe('# mine\nsshd: 10.0.0.1\nALL: 203.0.113.7\nALL: [2001:db8::7]\n');
  expect(bench.actions[0]?.failing().map(({ id, error }) => [id, error.code])).toEqual([
    ['x\nALL: ALL', 'ERR_ADDRESS_INVALID'],
  ]);
  writeFileSync(file, '# mine\nsshd: 10.0.0.1\nALL: 203.0.113.7\n');
  await Promise.all(bench.actions.map((action) => action.review(true)));
  expect(readFileSync(file, 'utf8')).toBe('# mine\nsshd: 10.0.0.1\nALL: 203.0.113.7\nALL: [2001:db8::7]\n');
  await bench.unban('203.0.113.7', 'x\nALL: ALL');
  expect(readFileSync(file, 'utf8')).toBe('# mine\nsshd: 10.0.0.1\nALL: [2001:db8::7]\n');
  await bench.stop();
  expect(readFileSync(file, 'utf8')).toBe('# mine\nsshd: 10.0.0.1\n');
  expect(statSync(file).mode & 0o777).toBe(0o640);
});

test('ufw, with files of its own', async (context) => {
  const netns = await place(context, 'ufw', 'iptables', 'unshare');
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-ufw-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  // the machine's own rules stay out of it
  cpSync('/etc/ufw', join(dir, 'ufw'), { recursive: true });
  const enter = join(dir, 'enter');
  const mounts = ['mount --make-rprivate /', `mount --bind ${dir}/ufw /etc/ufw`];
  writeFileSync(enter, ['#!/bin/sh', ...mounts, 'exec "$@"', ''].join('\n'), { mode: 0o755 });
  const inside = [...netns.prefix, 'unshare', '-m', enter] as const;
  execFileSync(inside[0], [...inside.slice(1), 'ufw', '--force', 'enable'], { stdio: 'ignore' });
  execFileSync(inside[0], [...inside.slice(1), 'ufw', 'allow', '2222/tcp'], { stdio: 'ignore' });
  const bench = ticketBench({ inside });
  await bench.start(actionConf('ufw'));
  const now = { at: Date.now() / 1000 };
  await bench.ban(banOf(attacker4, now), banOf(attacker6, now), banOf('x; ufw disable', { ip: null }));
  expect(readFileSync(join(dir, 'ufw/user.rules'), 'utf8')).toContain('-A ufw-user-input -s 198.51.100.7 -j REJECT');
  expect(readFileSync(join(dir, 'ufw/user6.rules'), 'utf8')).toContain(
    '-A ufw6-user-input -s 2001:db8:51::7 -j REJECT',
  );
  // loopback is let through by ufw before its users' rules: the kernel has them all the same
  const rules = () => netns.run('sh', '-c', 'iptables -S ufw-user-input 2>&1 || true');
  expect(rules()).toContain('-s 198.51.100.7/32 -j REJECT');
  const ways = () => netns.run('sh', '-c', 'iptables -S INPUT; iptables -S ufw-before-input 2>&1 || true');
  const isWhole = () =>
    rules().includes('-s 198.51.100.7/32 -j REJECT') &&
    /-j ufw-before-input\n/.test(ways()) &&
    /-j ufw-user-input\n/.test(ways());
  // the kernel loses one, or all, or the way there, or ufw itself does
  for (const taking of [
    'iptables -D ufw-user-input -s 198.51.100.7 -j REJECT',
    'iptables -F ufw-user-input',
    'iptables -F',
    'iptables -D INPUT -j ufw-before-input',
    'iptables -D ufw-before-input -j ufw-user-input',
    'nft flush ruleset',
    'ufw delete reject from 198.51.100.7',
  ]) {
    await bench.actions[0]?.review(true);
    expect(isWhole()).toBe(true);
    execFileSync(inside[0], [...inside.slice(1), 'sh', '-c', taking], { stdio: 'ignore' });
    expect(isWhole(), taking).toBe(false);
    await bench.actions[0]?.review(true);
    expect(isWhole(), taking).toBe(true);
  }
  execFileSync(inside[0], [...inside.slice(1), 'ufw', 'disable'], { stdio: 'ignore' });
  bench.log.length = 0;
  await bench.actions[0]?.review(true);
  expect(bench.log).toEqual([]);
  execFileSync(inside[0], [...inside.slice(1), 'ufw', '--force', 'enable'], { stdio: 'ignore' });
  await bench.unban(attacker4, 'x; ufw disable');
  expect(netns.run('iptables', '-S', 'ufw-user-input')).not.toContain('198.51.100.7');
  await bench.stop();
  expect(netns.run('ip6tables', '-S', 'ufw6-user-input')).not.toContain('2001:db8:51::7');
  expect(readFileSync(join(dir, 'ufw/ufw.conf'), 'utf8')).toContain('ENABLED=yes');
});
