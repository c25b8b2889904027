/** What watches over all hosts' bans together: the brake, the stance, the fleet's counters; and what follows for events. */
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import { BrakeChore } from './brake.ts';
import type { Chore } from './chores.ts';
import type { EventsParts, Taken } from './events.ts';
import { Fleet, fleetChore } from './fleet.ts';
import type { Host } from './hosts.ts';
import { ledgerLimits } from './limits.ts';
import { stanceChore } from './stance.ts';
import type { World } from './world.ts';

export class Upkeep {
  readonly #brake: BrakeChore;
  readonly #stance: Chore;
  readonly #fleet: Fleet;

  constructor(sql: Sql, enforcement: () => Enforcement | null) {
    this.#brake = new BrakeChore(sql);
    this.#stance = stanceChore(sql, enforcement);
    this.#fleet = new Fleet(sql);
  }

  /** Null: the settings are wrong. */
  chores(world: World | null): readonly Chore[] {
    const fleet = world?.settings.fleet ?? null;
    const own = fleet === null ? [] : [fleetChore(this.#fleet, fleet)];
    return [this.#brake, this.#stance, ...own, ...(world?.chores ?? [])];
  }

  /** How events are judged at this moment. */
  policy({ settings, guard }: World): Pick<EventsParts, 'guard' | 'longest' | 'fleet'> {
    const { maxBantime, fleet } = settings;
    return {
      guard,
      longest: maxBantime,
      fleet: fleet === null ? null : { rules: fleet, counters: this.#fleet },
    };
  }

  /** After a batch of the host's. */
  note(host: Host, { receipt, weight, cut }: Taken, now: UnixTime): void {
    if (host.enrolledAt < now - ledgerLimits.newly_enrolled) this.#brake.note(weight, now);
    if (receipt.refused.length > 0) log('events-refused', { host: host.id, events: receipt.refused.length });
    if (cut > 0) log('bantime-cut', { host: host.id, bans: cut });
  }

  /** Writes down what is in memory; with the alarm. */
  save(): void {
    this.#brake.save();
  }
}
