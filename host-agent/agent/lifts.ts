/** When bans were lifted by hand, so that a later one is told as later: a log's times are whole seconds, and its lines may come late. */
import type { UnixTime } from '../../shared/time.ts';

/** The newest are remembered; who was lifted before that must be banned by a line that is older still to be missed at the edge. */
const remembered_max = 10_000;
/** The edge takes up a lifted ban only by one that is newer than it. */
const later_seconds = 0.001;

export class Lifts {
  readonly #at = new Map<string, UnixTime>();

  note(jail: string, address: string, at: UnixTime): void {
    const key = keyOf(jail, address);
    this.#at.delete(key);
    this.#at.set(key, at);
    const oldest = this.#at.keys().next();
    if (this.#at.size > remembered_max && oldest.done !== true) this.#at.delete(oldest.value);
  }

  /** The time to tell a ban with: its own, or just after the last lift. */
  timeOf(jail: string, address: string, at: UnixTime): UnixTime {
    const lifted = this.#at.get(keyOf(jail, address));
    return lifted === undefined || at > lifted ? at : lifted + later_seconds;
  }
}

function keyOf(jail: string, address: string): string {
  return `${jail} ${address}`;
}
