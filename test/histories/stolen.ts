/** Somebody has a host's key, and speaks with it: of those whom nobody may ban, and when it has been revoked. */
import type { ToldEvent } from '../../shared/wire.ts';
import { oneOf } from '../random.ts';
import { settings } from './edge.ts';
import type { SimulatedHost } from './host.ts';
import { hostAddress } from './worker-client.ts';
import { guarded, type World } from './world.ts';

/** Also as networks around them, and in other spellings. */
const forbidden = [
  ...[...guarded, hostAddress, '10.0.0.9', '100.64.0.9', '224.0.0.9', '::1', 'fe80::9'],
  ...['::ffff:198.51.100.1', '2002:c633:6401::/48', '198.51.0.0/16', '104.0.0.0/8', '2606:4700::1'],
];
const enough = settings.fleet_maxretry / 2;

function banOf(address: string, at: number): ToldEvent {
  return { kind: 'ban', jail: 'sshd', address, at, until: at + 7_200, failures: 5, count: 1 };
}

function failureOf(address: string, at: number, count: number): ToldEvent {
  return { kind: 'failure', jail: 'sshd', address, at, count };
}

/** With all hosts' keys, so that the fleet would count it. */
export async function misuse({ hosts, clock: { now } }: World): Promise<void> {
  const failures = forbidden.filter((address) => !address.includes('/'));
  const events = [
    ...forbidden.map((address) => banOf(address, now)),
    ...failures.map((address) => failureOf(address, now, settings.fleet_maxretry)),
  ];
  for (const { client } of hosts)
    if (client.identity !== null) await client.speak({ events, identity: client.identity });
}

/** Nothing that it says counts afterwards, nor what it has told of failures before. */
export async function revoke({ edge, hosts, clock: { now }, wrong, failed, random }: World, host: SimulatedHost) {
  const { identity } = host.client;
  if (identity === null) return;
  // attacked by nobody else
  const tenths = Math.floor(now * 10);
  const address = `198.19.${(tenths >> 8) & 255}.${tenths & 255}`;
  const other = oneOf(
    random,
    hosts.filter((each) => each !== host),
  );
  await host.client.speak({ events: [failureOf(address, now, enough)], identity });
  await edge.order('DELETE', `/v1/hosts/${identity.host}`);
  const status = await host.client.speak({ events: [banOf(address, now)], identity });
  if (status !== null && status < 400) wrong.push(`the revoked host ${host.name} was heard`);
  if (other.client.identity === null) return;
  failed.push({ address, host: other, at: now });
  const { identity: its } = other.client;
  await other.client.speak({ events: [failureOf(address, now, enough)], identity: its });
}
