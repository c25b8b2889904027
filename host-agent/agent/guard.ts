/** The guard of a configuration, with what this host is and whom it must not lock out now. */
import { networkInterfaces } from 'node:os';
import { parsePrefix } from '../../shared/address.ts';
import { Guard } from '../../shared/engine/guard.ts';
import type { Lockout } from './lockout.ts';
import type { AgentPlan } from './parts.ts';

/** The host's addresses are asked for anew: they may have changed. */
export function guardOf({ admins, ...settings }: AgentPlan['guard'], lockout: Lockout): Guard {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const own = all.map(({ address }) => parsePrefix(address.replace(/%.*$/, ''))).filter((prefix) => prefix !== null);
  lockout.setAdmins(admins);
  return new Guard({ ...settings, own, spared: (prefix) => lockout.refusal(prefix) });
}
