/** kill-mode = conntrack, on real connections: a router, clients on one side, a container on the other. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Conntrack } from '../../host-agent/actions/conntrack.ts';
import { createNft } from '../../host-agent/actions/nft.ts';
import { createNftables } from '../../host-agent/actions/nftables.ts';
import type { EdgebanError } from '../../shared/errors.ts';
import { until } from '../world/wait.ts';
import { Netns, whyNot } from './netns.ts';

const clients = ['192.0.2.2', '192.0.2.3', '203.0.113.7', '203.0.113.8', '2001:db8:a::2', '2001:db8:bad::7'];
const end = () => Date.now() / 1000 + 600;
const echo =
  "require('net').createServer((s) => s.on('error', () => s.destroy()).pipe(s)).listen(PORT, '::', () => console.log('up'))";
let host: Netns;
let client: Netns;
let container: Netns;
let children: ReturnType<typeof spawn>[];

function hasConntrack(): boolean {
  try {
    return execFileSync('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin; command -v conntrack']).length > 0;
  } catch {
    return false;
  }
}

async function start(at: Netns, code: string): Promise<ReturnType<typeof spawn>> {
  const [file, ...args] = at.prefix;
  const child = spawn(file, [...args, process.execPath, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout ?? child, 'data');
  return child;
}

function cable(other: Netns, [v4, v6]: readonly [string, string], name: string): void {
  host.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other.name);
  host.run('ip', 'addr', 'add', `${v4}1/24`, 'dev', name);
  host.run('ip', 'addr', 'add', `${v6}1/64`, 'dev', name, 'nodad');
  other.run('ip', 'addr', 'add', `${v4}2/24`, 'dev', 'eth0');
  other.run('ip', 'addr', 'add', `${v6}2/64`, 'dev', 'eth0', 'nodad');
  host.run('ip', 'link', 'set', name, 'up');
  other.run('ip', 'link', 'set', 'eth0', 'up');
  other.run('ip', 'route', 'add', 'default', 'via', `${v4}1`);
  other.run('ip', 'route', 'add', 'default', 'via', `${v6}1`);
}

beforeEach(async (ctx) => {
  const reason = whyNot() ?? (hasConntrack() ? null : 'needs conntrack');
  children = [];
  if (reason !== null) ctx.skip(reason);
  [host, client, container] = [new Netns(), new Netns(), new Netns()];
  cable(client, ['192.0.2.', '2001:db8:a::'], 'outside');
  cable(container, ['198.18.0.', '2001:db8:c::'], 'docker0');
  for (const address of clients.filter((one) => !one.endsWith('2.2') && !one.endsWith('a::2')))
    client.run('ip', 'addr', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
  host.run('ip', 'route', 'add', '203.0.113.0/24', 'dev', 'outside');
  host.run('ip', 'route', 'add', '2001:db8:bad::/64', 'dev', 'outside');
  host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  // as strict firewalls have it: what is in the midst of a connection that nobody knows is none
  host.run('sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0');
  host.script(`table inet nat {
    chain pre { type nat hook prerouting priority dstnat; tcp dport 8080 dnat ip to 198.18.0.2:80
    }
    chain in { type filter hook input priority 0; ct state established accept
    }
  }\n`);
  await Promise.all([start(host, echo.replace('PORT', '8081')), start(container, echo.replace('PORT', '80'))]);
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const netns of [host, client, container]) netns?.remove();
});

/** A connection from this address that says something all the time; `answers` counts what comes back. */
async function talk(source: string, port: number): Promise<{ readonly answers: () => number }> {
  const target = source.includes(':') ? '2001:db8:a::1' : '192.0.2.1';
  const code = `const s = require('net').connect({ host: '${target}', port: ${port}, localAddress: '${source}' });
    s.on('connect', () => setInterval(() => s.write('x'), 20)); s.on('data', (d) => process.stdout.write(d));
    s.on('error', () => undefined);`;
  let count = 0;
  const child = await start(client, code);
  child.stdout?.on('data', (chunk: Buffer) => {
    count += chunk.length;
  });
  return { answers: () => count };
}

async function isAlive({ answers }: { readonly answers: () => number }): Promise<boolean> {
  const before = answers();
  return await until('an answer', () => answers() > before + 5, { within_ms: 3_000 }).catch(() => false);
}

async function goesOn({ answers }: { readonly answers: () => number }): Promise<void> {
  const before = answers();
  await until('more answers', () => answers() > before + 5);
}

/** Who has a connection, as the host's kernel knows it. */
function sources(): string[] {
  const listed = ['ipv4', 'ipv6'].map((family) => host.run('conntrack', '-L', '-f', family));
  return [...new Set([...listed.join('\n').matchAll(/^.*? src=(\S+)/gm)].map(([, source = '']) => source))].sort();
}

function action(parameters: Readonly<Record<string, string>>, failures: EdgebanError[] = [], program = 'conntrack') {
  const conntrack = new Conntrack({ command: [...host.prefix, program], failed: (error) => failures.push(error) });
  const nft = host.nft();
  const all = { name: 'web', type: 'allports', ...parameters };
  return createNftables(all, { nft, conntrack, now: () => Date.now() / 1000 });
}

const kill = { 'kill-mode': 'conntrack' };

it('an open connection is cut by the chain alone; its entry goes with kill-mode', async () => {
  const [kept, killed] = [await talk('192.0.2.2', 8081), await talk('192.0.2.3', 8081)];
  const plain = action({});
  await plain.reconcile([{ address: '192.0.2.2', until: end() }]);
  await until('the end of the first', async () => !(await isAlive(kept)));
  await goesOn(killed);
  expect(sources()).toEqual(['192.0.2.2', '192.0.2.3']);
  const killing = action({ ...kill, name: 'other' });
  await killing.reconcile([{ address: '192.0.2.3', until: end() }]);
  await until('the entry gone', () => !sources().includes('192.0.2.3'));
  expect(sources()).toEqual(['192.0.2.2']);
  // what was answered before may still be on its way to us
  await until('the end of the second', async () => !(await isAlive(killed)));
});

it('a connection that the chain does not see dies with its entry', async () => {
  const flow = await talk('192.0.2.2', 8080);
  const plain = action({});
  await plain.reconcile([{ address: '192.0.2.2', until: end() }]);
  await goesOn(flow);
  const killing = action({ ...kill, name: 'other' });
  await killing.reconcile([]);
  expect(await killing.apply([{ kind: 'add', address: '192.0.2.2', until: end() }])).toEqual([]);
  await until('the end', async () => !(await isAlive(flow)));
});

it('of many, and of networks, those are ended that have something open, and no neighbour', async () => {
  for (const source of clients) await talk(source, 8081);
  expect(sources()).toEqual([...clients].sort());
  const killing = action(kill);
  await killing.reconcile([]);
  const banned = ['203.0.113.0/24', '192.0.2.3', '192.0.2.99', '2001:db8:bad::/48'];
  await killing.apply(banned.map((address) => ({ kind: 'add', address, until: end() })));
  await until('their entries gone', () => sources().length === 2);
  expect(sources()).toEqual(['192.0.2.2', '2001:db8:a::2']);
});

it('a program that fails is told of, and the ban is in force', async () => {
  const failures: EdgebanError[] = [];
  const killing = action(kill, failures, 'false');
  await killing.reconcile([]);
  expect(await killing.apply([{ kind: 'add', address: '192.0.2.2', until: end() }])).toEqual([]);
  await until('the failure', () => failures.length > 0);
  expect(failures[0]).toMatchObject({ code: 'ERR_CONNTRACK_REFUSED' });
  expect((await killing.list()).map(({ address }) => address)).toEqual(['192.0.2.2']);
});

it('without the program, and with another mode, kill-mode is refused before anything runs', () => {
  const make = (mode: string, program: string) => () =>
    createNftables(
      { name: 'web', 'kill-mode': mode },
      { nft: createNft(), conntrack: new Conntrack({ command: [program] }), now: () => 0 },
    );
  const refused = (remedy: string) =>
    expect.objectContaining({ code: 'ERR_ACTION_PARAMETER', remedy: expect.stringContaining(remedy) });
  expect(make('conntrack', 'no-such-program')).toThrow(refused('apt install conntrack'));
  expect(make('ss', 'conntrack')).toThrow(refused('kill-mode=conntrack'));
});
