/** What is wrong for longer than a moment: when people are told of it, when it is over, and that flapping is told seldom. */
import { z } from 'zod';
import type { Seconds, UnixTime } from './time.ts';

/** What each kind is called, and what to do: by hosts and by the Worker, so that nothing but its name need travel. */
export const incidentKinds = {
  token: {
    title: "Cloudflare refuses the Worker's API token",
    remedy: 'the token is revoked, expired or too narrow: edgeban edge setup makes a new one',
  },
  cloudflare: {
    title: 'Cloudflare cannot be kept in step',
    remedy: 'edgeban edge doctor says why; it is tried again by itself',
  },
  behind: {
    title: 'Cloudflare lags behind the ledger',
    remedy: 'edgeban edge doctor says what is missing there',
  },
  drift: {
    title: "somebody has changed edgeban's WAF rule at Cloudflare",
    remedy: "enable the rule again in Cloudflare's dashboard, in first place",
  },
  cap: {
    title: 'bans find no room',
    remedy:
      'edgeban edge doctor and edgeban edge hosts say which; a host that bans the world is attacked or in wrong hands',
  },
  budget: {
    title: 'a daily budget of the edge is nearly spent',
    remedy: 'changes come late until it has refilled: ban fewer, for longer, or networks',
  },
  kv: { title: 'the snapshot cannot be written to KV', remedy: 'look at the KV namespace and its daily limit' },
  'host-silent': {
    title: 'a host is not heard of',
    remedy: 'see edgeban edge status and the log there; revoke it if it is gone',
  },
  brake: {
    title: 'the brake is pulled: blocks are challenges',
    remedy: 'look at edgeban edge hosts for one that bans the world; edgeban edge resume ends it',
  },
  panic: { title: 'all blocks at the edge are lifted (panic)', remedy: 'edgeban edge resume' },
  lost: {
    title: 'the ledger was lost and takes over what it finds',
    remedy: 'wait until it has, then enrol the hosts again',
  },
  settings: { title: "the Worker's settings are wrong", remedy: 'edgeban edge doctor names them' },
  unreachable: {
    title: 'the Worker cannot be reached',
    remedy: 'bans on this host go on; edgeban edge status says more',
  },
  enforcement: {
    title: 'bans are not in force in the firewall',
    remedy: 'edgeban-client status JAIL names them, the log says why',
  },
  source: {
    title: 'a jail has nothing to read',
    remedy: 'see logpath of the jail, and that what writes the log runs',
  },
} as const;
export type IncidentKind = keyof typeof incidentKinds;

export function isIncidentKind(kind: string): kind is IncidentKind {
  return Object.hasOwn(incidentKinds, kind);
}

/** What is wrong at this moment. */
export interface Symptom {
  readonly kind: IncidentKind;
  /** Of what: a host, a jail, a zone; empty where there is but one. */
  readonly about: string;
  /** In words, for who operates this. */
  readonly text: string;
  /** People are told when it has lasted so long. */
  readonly hold_s: Seconds;
}

const kinds = z.enum(Object.keys(incidentKinds) as [IncidentKind, ...IncidentKind[]]);
const time = z.number();

export const Incident = z.object({
  kind: kinds,
  about: z.string(),
  text: z.string(),
  since: time,
  /** When it was last seen. */
  seen: time,
  /** When people were told of it; null: not yet. */
  told: time.nullable(),
  /** When they were told that it is over; null: it is not. */
  ended: time.nullable(),
  /** It is over when nothing was seen of it for so many seconds. */
  calm_s: time,
});
export type Incident = Readonly<z.infer<typeof Incident>>;

export interface News {
  readonly phase: 'began' | 'ended';
  readonly incident: Incident;
}

export const incidentLimits = {
  /** Of one kind (hosts, jails); the first by name. */
  abouts_max: 20,
  /** Doubled each time that it comes back within a day. */
  calm_s_min: 300,
  calm_s_max: 6 * 3600,
  remembered_s: 86_400,
  text_chars_max: 500,
} as const;

export function keyOf({ kind, about }: Pick<Incident, 'kind' | 'about'>): string {
  return `${kind} ${about}`;
}

/** What follows from a look at what is wrong `now`: all incidents to be kept, and what people are to be told. */
export function followIncidents(
  before: readonly Incident[],
  symptoms: readonly Symptom[],
  now: UnixTime,
): { readonly incidents: readonly Incident[]; readonly news: readonly News[] } {
  const present = new Map(bounded(symptoms).map((symptom) => [keyOf(symptom), symptom]));
  const known = new Map(before.map((incident) => [keyOf(incident), incident]));
  const news: News[] = [];
  const incidents = [...new Set([...known.keys(), ...present.keys()])].flatMap((key) => {
    const next = after(known.get(key) ?? null, present.get(key) ?? null, now);
    if (next?.news != null) news.push({ phase: next.news, incident: next.incident });
    return next === null ? [] : [next.incident];
  });
  return { incidents, news };
}

interface Next {
  readonly incident: Incident;
  readonly news: News['phase'] | null;
}

function after(known: Incident | null, symptom: Symptom | null, now: UnixTime): Next | null {
  if (symptom !== null) return worse(known, symptom, now);
  if (known === null) return null;
  if (known.ended !== null)
    return now - known.ended > incidentLimits.remembered_s ? null : { incident: known, news: null };
  // of what has gone before anybody was told, only its calm is remembered
  if (known.told === null) return known.calm_s > incidentLimits.calm_s_min ? over(known, now, null) : null;
  return now - known.seen >= known.calm_s ? over(known, now, 'ended') : { incident: known, news: null };
}

function over(incident: Incident, now: UnixTime, news: Next['news']): Next {
  return { incident: { ...incident, ended: now }, news };
}

function worse(known: Incident | null, { kind, about, text, hold_s }: Symptom, now: UnixTime): Next {
  const { calm_s_min, calm_s_max, text_chars_max } = incidentLimits;
  const isOpen = known !== null && known.ended === null;
  const calm_s = known === null ? calm_s_min : isOpen ? known.calm_s : Math.min(known.calm_s * 2, calm_s_max);
  const since = isOpen ? known.since : now;
  const told = isOpen ? known.told : null;
  const isDue = told === null && now - since >= hold_s;
  const seen = { kind, about, text: text.slice(0, text_chars_max), since, seen: now, ended: null, calm_s };
  return { incident: { ...seen, told: isDue ? now : told }, news: isDue ? 'began' : null };
}

function bounded(symptoms: readonly Symptom[]): Symptom[] {
  const counts = new Map<IncidentKind, number>();
  return symptoms
    .toSorted((one, other) => (one.about < other.about ? -1 : Number(one.about > other.about)))
    .filter(({ kind }) => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      return (counts.get(kind) ?? 0) <= incidentLimits.abouts_max;
    });
}
