/** Failures of jails with `fleet = true`, summed up by address until they are told to the Worker in small numbers. */
import type { UnixTime } from '../../shared/time.ts';
import { type ToldEvent, wireLimits } from '../../shared/wire.ts';

export const fleetFailuresLimits = {
  /** Addresses, each for a jail, that wait to be told; beyond that new ones are not told. */
  waiting_max: 1_000,
  /** How often they are told, and how many addresses at a time: 300 a minute, which is what the ledger counts of a host. */
  tell_every_s: 5,
  told_at_once_max: 25,
  /** With so many events in the outbox none are told: bans come first. */
  outbox_events_max: 1_000,
  /** Older ones are beyond any findtime of a fleet. */
  age_s_max: 3_600,
} as const;

interface Sum {
  readonly jail: string;
  readonly address: string;
  at: UnixTime;
  count: number;
}

/** In memory: what a crash loses of a few seconds is still counted on the host itself. */
export class FleetFailures {
  readonly #sums = new Map<string, Sum>();

  note(jail: string, address: string, at: UnixTime, now: UnixTime): void {
    const { waiting_max, age_s_max } = fleetFailuresLimits;
    if (at < now - age_s_max) return;
    const key = `${jail} ${address}`;
    const sum = this.#sums.get(key);
    if (sum === undefined) {
      if (this.#sums.size < waiting_max) this.#sums.set(key, { jail, address, at, count: 1 });
      return;
    }
    sum.at = Math.max(sum.at, at);
    sum.count = Math.min(sum.count + 1, wireLimits.failure_count_max);
  }

  get waiting(): number {
    return this.#sums.size;
  }

  /** The next ones to be told, those that have waited longest first. */
  take(): ToldEvent[] {
    const next = [...this.#sums].slice(0, fleetFailuresLimits.told_at_once_max);
    for (const [key] of next) this.#sums.delete(key);
    return next.map(([, { jail, address, at, count }]) => ({ kind: 'failure', jail, address, at, count }));
  }
}
