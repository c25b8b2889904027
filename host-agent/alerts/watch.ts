/** Looks every half minute whether this host is well, has people told once of what is not, and passes on what the Worker tells. */

import { z } from 'zod';
import { type Alert, type AlertsPage, alertOf, retryAfter } from '../../shared/alerts.ts';
import { messageOf } from '../../shared/errors.ts';
import { followIncidents, Incident, incidentKinds, isIncidentKind, type Symptom } from '../../shared/incidents.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Logger } from '../log/log.ts';
import type { Target } from './post.ts';

export const hostAlertLimits = {
  look_ms: 30_000,
  /** The Worker is asked so often. */
  relay_s: 60,
  /** Messages that wait; beyond it the oldest is given up. */
  waiting_max: 100,
} as const;

export interface HostAlertsParts {
  /** What this host is called. */
  readonly name: string;
  readonly symptoms: () => readonly Symptom[];
  readonly targets: readonly Target[];
  /** Null: it has arrived; else why not. */
  readonly post: (target: Target, alert: Alert) => Promise<string | null>;
  /** What the Worker tells after a number (null: what is wrong now); null: this host does not pass it on. */
  readonly relay: ((after: number | null) => Promise<AlertsPage>) | null;
  /** Kept over restarts. */
  readonly memory: { get(): string | null; set(text: string): void };
  readonly log: Logger;
  readonly now: () => UnixTime;
}

interface Waiting {
  readonly target: Target;
  readonly alert: Alert;
  readonly attempts: number;
  readonly due: UnixTime;
}

const Memory = z.object({
  incidents: z.array(Incident),
  /** Counts messages, so that each has a number of its own. */
  told: z.number(),
  /** How far the Worker's news were passed on: of this ledger. */
  relayed: z.object({ ledger: z.string(), last: z.number() }).nullable(),
});
type Memory = z.infer<typeof Memory>;

export class HostAlerts {
  readonly #parts: HostAlertsParts;
  #memory: Memory;
  #waiting: Waiting[] = [];
  #relayedAt = Number.NEGATIVE_INFINITY;
  #isBusy = false;

  constructor(parts: HostAlertsParts) {
    this.#parts = parts;
    const kept = parts.memory.get();
    const none = { incidents: [], told: 0, relayed: null };
    this.#memory = kept === null ? none : (Memory.safeParse(JSON.parse(kept)).data ?? none);
  }

  /** One look. Never rejects. */
  async look(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      this.#follow();
      await this.#relay();
      await this.#deliver();
    } catch (error) {
      this.#parts.log.error(`alerts: ${messageOf(error)}`);
    } finally {
      this.#isBusy = false;
    }
  }

  #follow(): void {
    const { symptoms, now, name } = this.#parts;
    const { incidents, news } = followIncidents(this.#memory.incidents, symptoms(), now());
    const before = JSON.stringify(this.#memory.incidents);
    this.#memory = { ...this.#memory, incidents: [...incidents] };
    for (const one of news) this.#tell(alertOf(one, name, `${name}/${this.#number()}`));
    if (news.length > 0 || JSON.stringify(incidents) !== before) this.#save();
  }

  /** A Worker that does not answer is an incident of its own. */
  async #relay(): Promise<void> {
    const { relay, now } = this.#parts;
    if (relay === null || now() - this.#relayedAt < hostAlertLimits.relay_s) return;
    this.#relayedAt = now();
    const known = this.#memory.relayed;
    const page = await relay(known?.last ?? null).catch(() => null);
    if (page === null) return;
    // another ledger counts from the beginning: the next look asks it what is wrong now
    const isAnother = known !== null && known.ledger !== page.ledger;
    for (const each of isAnother ? [] : page.alerts) this.#tell(relayed(page.ledger, each));
    this.#memory = { ...this.#memory, relayed: isAnother ? null : { ledger: page.ledger, last: page.last } };
    if (isAnother || page.last !== known?.last) this.#save();
  }

  /** An end takes the place of a beginning that has not been delivered: it tells both times. */
  #tell(alert: Alert): void {
    const { targets, log, now } = this.#parts;
    const words = `${alert.title}${alert.text === '' ? '' : `: ${alert.text}`}`;
    if (alert.phase === 'began') log.error(`alert: ${words}`);
    else log.notice(`alert is over: ${words}`);
    const isOther = (one: Waiting) =>
      one.alert.kind !== alert.kind || one.alert.about !== alert.about || one.alert.source !== alert.source;
    const fresh = targets.map((target) => ({ target, alert, attempts: 0, due: now() }));
    this.#waiting = [...this.#waiting.filter(isOther), ...fresh].slice(-hostAlertLimits.waiting_max);
  }

  async #deliver(): Promise<void> {
    const { post, now, log } = this.#parts;
    for (const one of this.#waiting.filter(({ due }) => due <= now())) {
      const why = await post(one.target, one.alert);
      this.#waiting = this.#waiting.filter((other) => other !== one);
      if (why === null) continue;
      const attempts = one.attempts + 1;
      const pause = retryAfter(attempts);
      if (attempts === 1 || pause === null)
        log.warning(`alert by ${one.target}: ${why}${pause === null ? ', and is given up' : ''} (ERR_ALERT_DELIVERY)`);
      if (pause !== null) this.#waiting.push({ ...one, attempts, due: now() + pause });
    }
  }

  #number(): number {
    this.#memory = { ...this.#memory, told: this.#memory.told + 1 };
    return this.#memory.told;
  }

  #save(): void {
    this.#parts.memory.set(JSON.stringify(this.#memory));
  }
}

/** In our words: names are all that the Worker has told. */
function relayed(ledger: string, { n, phase, kind, about, since, ended }: AlertsPage['alerts'][number]): Alert {
  const known = isIncidentKind(kind) ? incidentKinds[kind] : { title: kind, remedy: 'edgeban edge doctor says more' };
  const name = about.replace(/[^\x20-\x7e]+/g, ' ');
  const title = name === '' ? known.title : `${known.title}: ${name}`;
  return {
    id: `${ledger}/${n}`,
    phase,
    kind,
    about: name,
    title,
    text: 'edgeban edge doctor says more',
    remedy: known.remedy,
    source: 'worker',
    since,
    ended,
  };
}
