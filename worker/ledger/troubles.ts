/** What is wrong at the edge at this moment, in sentences, worst first: what a dashboard says at its top. */
import type { UnixTime } from '../../shared/time.ts';
import type { Summary } from '../../shared/view.ts';
import type { HostView, StatusView } from '../shapes.ts';

export const troubleLimits = {
  /** A host that was not heard of for so long, in seconds, is told; and how many of them by name. */
  silent_after: 600,
  named_max: 5,
} as const;

type Trouble = Summary['troubles'][number];

export function troublesOf(status: StatusView, hosts: readonly HostView[], now: UnixTime): Trouble[] {
  const { enforcement, snapshot } = status;
  const detail = enforcement.detail;
  const off = detail?.mode === 'list' && status.panic === null ? detail.rules.filter(({ enabled }) => !enabled) : [];
  const silent = hosts.filter((host) => host.revoked_at === null && now - host.seen_at > troubleLimits.silent_after);
  const found: (Trouble | null)[] = [
    errorIf(status.panic !== null, 'Panic: all enforcement at the edge is lifted.'),
    errorIf(detail?.error != null, `Cloudflare: ${detail?.error?.message ?? ''}`),
    errorIf(off.length > 0, `The WAF rule is off or missing in ${off.map(({ zone }) => zone).join(', ')}.`),
    errorIf(snapshot.error !== null, `The KV snapshot could not be written: ${snapshot.error ?? ''}`),
    warningIf(status.brake !== null, 'The brake is pulled: blocks are challenges.'),
    warningIf((detail?.leftOut.count ?? 0) > 0, `The list is full: ${detail?.leftOut.count} bans have no room in it.`),
    warningIf((detail?.refused.count ?? 0) > 0, `Cloudflare refused ${detail?.refused.count} addresses.`),
    warningIf(silent.length > 0, `Not heard of lately: ${namesOf(silent)}.`),
    warningIf(status.over_share.length > 0, `Over their share of bans: ${namesOf(status.over_share)}.`),
  ];
  return found.filter((trouble) => trouble !== null);
}

function errorIf(holds: boolean, text: string): Trouble | null {
  return holds ? { level: 'error', text } : null;
}

function warningIf(holds: boolean, text: string): Trouble | null {
  return holds ? { level: 'warning', text } : null;
}

function namesOf(hosts: readonly { readonly name: string }[]): string {
  const { named_max } = troubleLimits;
  const names = hosts.slice(0, named_max).map(({ name }) => name);
  return hosts.length > named_max ? `${names.join(', ')} and ${hosts.length - named_max} more` : names.join(', ');
}
