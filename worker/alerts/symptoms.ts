/** What is wrong at the edge at this moment, seen in what status and hosts tell; the doctor looks at the same. */
import type { Symptom } from '../../shared/incidents.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement as EnforcementView } from '../../shared/view.ts';
import type { HostView, StatusView } from '../shapes.ts';

type Budget = EnforcementView['budgets'][number];

export interface Signs {
  /** Null: it cannot be told, because the settings are wrong; `trouble` says which. */
  readonly status: StatusView | null;
  readonly trouble: string;
  readonly writes: Budget;
  readonly hosts: readonly Pick<HostView, 'name' | 'seen_at' | 'revoked_at' | 'live'>[];
}

/** A host that polls is seen to the minute. */
const silent_s = 300;
/** Most take seconds; after ten minutes enforcement gives one up, and reads again. */
const operation_s = 300;
/** One operation holds up all others of the account: no failure of ours, but bans wait. */
const heldUp: readonly string[] = ['ERR_CLOUDFLARE_BUSY', 'ERR_CLOUDFLARE_OPERATION'];
/** Of a bucket that refills. */
const low_share = 0.1;

export function symptomsOf({ status, trouble, hosts, writes }: Signs, now: UnixTime): Symptom[] {
  const found = [...hosts.flatMap((host) => silence(host, now))];
  if (status === null) return [...found, { kind: 'settings', about: '', text: trouble, hold_s: 0 }];
  return [
    ...found,
    ...switches(status),
    ...kv(status),
    ...budgets(status, writes),
    ...cloudflare(status, now),
    ...caps(status),
  ];
}

function silence({ name, seen_at, revoked_at, live }: Signs['hosts'][number], now: UnixTime): Symptom[] {
  if (revoked_at !== null || live || now - seen_at < silent_s) return [];
  const text = `not heard of since ${new Date(seen_at * 1000).toISOString()}: it enforces no new bans of others`;
  return [{ kind: 'host-silent', about: name, text, hold_s: silent_s }];
}

function switches({ panic, brake, recovery }: StatusView): Symptom[] {
  return [
    ...(panic === null ? [] : [symptom('panic', '', `by ${panic.by}: ${panic.reason || 'no reason given'}`, 0)]),
    ...(brake === null
      ? []
      : [symptom('brake', '', `${brake.rate} new bans in a minute, ${brake.usual.toFixed(1)} usually`, 0)]),
    ...(recovery.due ? [symptom('lost', '', 'what Cloudflare and KV have is not taken over yet', 300)] : []),
  ];
}

function kv({ snapshot }: StatusView): Symptom[] {
  return snapshot.error === null ? [] : [symptom('kv', '', snapshot.error, 600)];
}

function budgets({ enforcement }: StatusView, writes: Budget): Symptom[] {
  return [...(enforcement.detail?.budgets ?? []), writes]
    .filter(({ left, max }) => left < max * low_share)
    .map(({ name, left, max, refill_per_hour }) => {
      const text = `${Math.floor(left)} are left of ${max}; ${Math.round(refill_per_hour)} come back in an hour`;
      return symptom('budget', name, text, 120);
    });
}

function cloudflare({ enforcement: { current, detail }, panic }: StatusView, now: UnixTime): Symptom[] {
  if (detail === null) return [];
  const { error } = detail;
  return [
    ...(error === null || heldUp.includes(error.code) ? [] : [failure(error)]),
    ...(current ? [] : behind(detail, now)),
    ...(detail.mode === 'list' && panic === null ? detail.rules.flatMap(drift) : []),
  ];
}

type Detail = NonNullable<StatusView['enforcement']['detail']>;

function behind(detail: Detail, now: UnixTime): Symptom[] {
  const { error, missing, surplus } = detail;
  const operation = detail.mode === 'list' ? detail.operation : null;
  const lag = `${missing} missing, ${surplus} too many`;
  if (operation !== null && now - operation.since > operation_s)
    return [symptom('behind', '', `${operation.kind} of ${operation.items} item(s) does not end`, 300)];
  if (error !== null)
    return heldUp.includes(error.code) ? [symptom('behind', '', `${lag}: ${error.message}`, 600)] : [];
  return missing + surplus > 0 ? [symptom('behind', '', lag, 1_800)] : [];
}

function failure({ code, message }: { readonly code: string; readonly message: string }): Symptom {
  return code === 'ERR_CLOUDFLARE_AUTH'
    ? symptom('token', '', message, 60)
    : symptom('cloudflare', '', `${message} (${code})`, 600);
}

type RuleView = Extract<StatusView['enforcement']['detail'], { mode: 'list' }>['rules'][number];

/** A rule that is not there is made again; one that somebody has disabled stays so. */
function drift({ zone, rule, enabled, first }: RuleView): Symptom[] {
  if (rule === null || (enabled && first)) return [];
  return [symptom('drift', zone, enabled ? 'the rule is not the first one' : 'the rule is disabled', 120)];
}

function caps({ enforcement: { detail }, over_share }: StatusView): Symptom[] {
  const left = detail?.leftOut.count ?? 0;
  return [
    ...(left === 0 ? [] : [symptom('cap', "Cloudflare's list", `${left} ban(s) find no room`, 60)]),
    ...over_share.map(({ name, refused, code }) => symptom('cap', name, `${refused} ban(s) refused (${code})`, 0)),
  ];
}

function symptom(kind: Symptom['kind'], about: string, text: string, hold_s: number): Symptom {
  return { kind, about, text, hold_s };
}
