/** Looks again and again whether the edge is well, and has people told once when it is not, and once when it is again. */

import { messageOf } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Stance } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import type { Book } from './book.ts';
import { type DeliveryParts, deliver, targetsOf } from './delivery.ts';
import type { AlertSettings } from './settings.ts';
import { type Signs, symptomsOf } from './symptoms.ts';

export interface WatchParts {
  readonly book: Book;
  /** Throws ERR_SETTINGS where they are wrong: then nobody can be told. */
  readonly settings: () => AlertSettings;
  readonly signs: (now: UnixTime) => Signs;
  readonly stance: () => Stance;
  /** Is there anything to be watched: a host, or what is enforced? */
  readonly isNeeded: () => boolean;
  /** Does enforcement wait after a failure, or for its budget? */
  readonly isWaiting: () => boolean;
  readonly fetch: DeliveryParts['fetch'];
}

/** In seconds. */
const look_every = 300;
const look_closer = 60;
const look_gap_min = 5;

export class Watch {
  readonly #parts: WatchParts;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** When something is to be done next; Infinity: there is nothing to be watched. */
  due(): UnixTime {
    const { book, isNeeded } = this.#parts;
    if (!isNeeded()) return Number.POSITIVE_INFINITY;
    return Math.min(this.#lookDue(), book.deliveryDue() ?? Number.POSITIVE_INFINITY);
  }

  #lookDue(): UnixTime {
    const { book, isWaiting, stance } = this.#parts;
    const open = book.incidents().filter(({ ended }) => ended === null);
    const { panic, brake } = stance();
    const turned = Object.entries({ panic, brake }).some(([kind, on]) => on && !open.some((one) => one.kind === kind));
    if (turned) return book.lookedAt + look_gap_min;
    return book.lookedAt + (open.length > 0 || isWaiting() ? look_closer : look_every);
  }

  /** Never throws. */
  async run(now: UnixTime): Promise<void> {
    const { book, signs, fetch, isNeeded } = this.#parts;
    if (!isNeeded()) return;
    const settings = this.#settings();
    if (this.#lookDue() <= now) {
      const news = book.note(symptomsOf(signs(now), now), targetsOf(settings), now);
      for (const { phase, incident } of news) log('incident', { phase, kind: incident.kind, about: incident.about });
    }
    await deliver(book, { settings, fetch, now: () => now });
  }

  #settings(): AlertSettings {
    try {
      return this.#parts.settings();
    } catch (error) {
      log('ERR_SETTINGS', { message: messageOf(error) });
      return { webhook: null, ntfy: null };
    }
  }
}
