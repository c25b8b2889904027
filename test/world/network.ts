/** A small internet of our own: network namespaces on one bridge, with documentation addresses of both families. */
import { here, Place } from './place.ts';

const bridge = 'internet';

/** Where the Worker and the fake Cloudflare API are: the namespace that the caller is in. */
export const edgeAddress = '198.51.100.1';

export interface Addresses {
  readonly v4: string;
  readonly v6: string;
}

export const addresses = {
  hostA: { v4: '192.0.2.10', v6: '2001:db8:a::10' },
  hostB: { v4: '192.0.2.20', v6: '2001:db8:b::20' },
  attacker: { v4: '203.0.113.7', v6: '2001:db8:bad::7' },
} as const satisfies Record<string, Addresses>;

async function ip(...words: readonly string[]): Promise<void> {
  await here.must(['ip', ...words]);
}

/** The bridge; one for the world. */
export async function makeInternet(): Promise<void> {
  await ip('link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0');
  await ip('link', 'set', bridge, 'up');
  await ip('addr', 'add', `${edgeAddress}/32`, 'dev', bridge);
  for (const net of ['192.0.2.0/24', '203.0.113.0/24']) await ip('route', 'add', net, 'dev', bridge);
}

/** A namespace on the bridge; every address is reached directly, so any source address can be played. */
export async function makeNode(name: string, { v4, v6 }: Addresses): Promise<Place> {
  const inside = ['-n', name];
  await ip('netns', 'add', name);
  await ip('link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  await ip('link', 'set', `to-${name}`, 'master', bridge, 'up');
  await ip(...inside, 'link', 'set', 'lo', 'up');
  await ip(...inside, 'link', 'set', 'eth0', 'up');
  await ip(...inside, 'addr', 'add', `${v4}/32`, 'dev', 'eth0');
  await ip(...inside, 'addr', 'add', `${v6}/128`, 'dev', 'eth0', 'nodad');
  await ip(...inside, 'route', 'add', 'default', 'dev', 'eth0');
  await ip(...inside, '-6', 'route', 'add', 'default', 'dev', 'eth0');
  // not `ip netns exec`: that hides /sys/fs/cgroup, without which journald does not start
  const place = new Place(name, ['nsenter', `--net=/run/netns/${name}`, '--']);
  // every rejected connection gets its answer; by default the kernel sends one ICMP error a second
  await place.must([
    'sh',
    '-c',
    'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit',
  ]);
  return place;
}
