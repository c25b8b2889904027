/** The guard of a configuration, with what this host is and whom it must not lock out now. */
import { networkInterfaces } from 'node:os';
import { type Prefix, parsePrefix } from '../../shared/address.ts';
import { Guard } from '../../shared/engine/guard.ts';
import type { Lockout } from './lockout.ts';
import type { AgentPlan } from './parts.ts';

/** The host's addresses are asked for anew: they may have changed. */
export function guardOf({ admins, ...settings }: AgentPlan['guard'], lockout: Lockout): Guard {
  lockout.setAdmins(admins);
  return new Guard({ ...settings, own: ownPrefixes(), spared: (prefix) => lockout.refusal(prefix) });
}

/** The addresses of this host. */
export function ownPrefixes(): Prefix[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address }) => parsePrefix(address.replace(/%.*$/, ''))).filter((prefix) => prefix !== null);
}
