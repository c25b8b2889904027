/** Docker's way: a published port is redirected to a container before the input chain could see it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createNftables } from '../../host-agent/actions/nftables.ts';
import { Netns, whyNot } from './netns.ts';

const reason = whyNot();
const until = () => Date.now() / 1000 + 600;
let host: Netns;
let client: Netns;
let container: Netns;

function cable(one: Netns, at: string, other: Netns, theirs: string, name: string): void {
  one.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other.name);
  one.run('ip', 'addr', 'add', `${at}/24`, 'dev', name);
  one.run('ip', 'link', 'set', name, 'up');
  other.run('ip', 'addr', 'add', `${theirs}/24`, 'dev', 'eth0');
  other.run('ip', 'link', 'set', 'eth0', 'up');
  other.run('ip', 'route', 'add', 'default', 'via', at);
}

beforeEach(async (ctx) => {
  if (reason !== null) ctx.skip(reason);
  [host, client, container] = [new Netns(), new Netns(), new Netns()];
  cable(host, '192.0.2.1', client, '192.0.2.2', 'outside');
  cable(host, '198.18.0.1', container, '198.18.0.2', 'docker0');
  host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  // what docker run -p 8080:80 makes
  const redirect = 'tcp dport 8080 dnat to 198.18.0.2:80';
  host.script(`table ip nat { chain pre { type nat hook prerouting priority dstnat; ${redirect}; }; }\n`);
  await container.listen(80);
});
afterEach(() => {
  for (const netns of [host, client, container]) netns?.remove();
});

const connect = () => client.connect('192.0.2.2', '192.0.2.1', 8080);
const action = (parameters: Readonly<Record<string, string>>) =>
  createNftables({ name: 'web', port: '8080', ...parameters }, { nft: host.nft(), now: () => Date.now() / 1000 });

it('a chain at prerouting, before the redirection, shuts the port that is published', async () => {
  const web = action({ chain_hook: 'prerouting', chain_priority: '-150', blocktype: 'drop' });
  await web.reconcile([]);
  expect(connect()).toBe('connected');
  expect(await web.apply([{ kind: 'add', address: '192.0.2.2', until: until() }])).toEqual([]);
  expect(connect()).toBe('timeout');
  await web.apply([{ kind: 'delete', address: '192.0.2.2' }]);
  expect(connect()).toBe('connected');
});

it('a chain at forward shuts all ports of the containers; one at input does not see them', async () => {
  const input = action({});
  const forward = action({
    chain: 'f2b-forward',
    chain_hook: 'forward',
    type: 'allports',
    addr_set: 'passing',
    addr_net: 'passing-net',
  });
  await input.reconcile([{ address: '192.0.2.2', until: until() }]);
  expect(connect()).toBe('connected');
  await forward.reconcile([{ address: '192.0.2.2', until: until() }]);
  expect(connect()).toBe('ECONNREFUSED');
});

it('a flow that was there before the ban ends with it', async () => {
  const web = action({ chain_hook: 'prerouting', chain_priority: '-150', blocktype: 'drop' });
  await web.reconcile([]);
  const [file, ...args] = client.prefix;
  const code = `const s = require('net').connect({ host: '192.0.2.1', port: 8081, localAddress: '192.0.2.2' });
    s.on('connect', () => setInterval(() => s.write('x'), 20)); s.on('data', (d) => process.stdout.write(d));`;
  const [server, ...rest] = host.prefix;
  const echo = spawn(server, [
    ...rest,
    process.execPath,
    '-e',
    "require('net').createServer((s) => s.pipe(s)).listen(8081, () => console.log('up'))",
  ]);
  await once(echo.stdout, 'data');
  const shut = action({
    name: 'echo',
    port: '8081',
    chain_hook: 'prerouting',
    chain_priority: '-150',
    blocktype: 'drop',
  });
  await shut.reconcile([]);
  const flow = spawn(file, [...args, process.execPath, '-e', code]);
  let bytes = 0;
  flow.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(flow.stdout, 'data');
  await shut.apply([{ kind: 'add', address: '192.0.2.2', until: until() }]);
  let before = -1;
  for (const end = performance.now() + 15_000; before !== bytes && performance.now() < end; ) {
    before = bytes;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  expect(bytes).toBe(before);
  flow.kill('SIGKILL');
  echo.kill('SIGKILL');
});
