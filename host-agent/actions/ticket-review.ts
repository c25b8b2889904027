/** Looks now and then whether what an action has made still stands, and has made anew what somebody took away. */
import { canonical } from '../../shared/address.ts';
import type { Ban } from '../../shared/ticket.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Steps, TicketFamily } from './ticket-action.ts';
import type { TicketLog } from './ticket-log.ts';
import { familyOf } from './ticket-tags.ts';
import { addressesIn, frameOf } from './ticket-view.ts';

export const reviewLimits = {
  /** It is looked so often, when it is asked to, and so seldom that the commands take a 250th of a processor. */
  rest_ms_min: 15_000,
  rest_ms_max: 600_000,
  share: 1 / 250,
  /** A ban with so little time left may have run out in the firewall already. */
  ending_s: 5,
} as const;

export interface ReviewParts {
  readonly steps: Steps;
  readonly lifecycle: Lifecycle;
  readonly log: TicketLog;
  /** The bans that were carried out. */
  done(): readonly Ban[];
  /** Are the bans of the family about to be carried out again anyway? */
  isRenewed(family: TicketFamily): boolean;
  now(): UnixTime;
}

/** What is printed for each family that is begun. */
type Look = ReadonlyMap<TicketFamily, string>;

/** What a look showed for a family: its text, and those lines of it that name none of the bans. */
type Seen = ReadonlyMap<TicketFamily, { readonly text: string; readonly frame: string }>;

export class TicketReview {
  readonly #parts: ReviewParts;
  #dueAt_ms = 0;
  /** The last look when all stood. */
  #seen: Seen | null = null;
  /** How many in a row could not make anew what was gone. */
  #vain = 0;
  /** Bans that somebody has taken away one by one. */
  #taken: ReadonlySet<string> = new Set();

  constructor(parts: ReviewParts) {
    this.#parts = parts;
  }

  /** The bans that were found missing since this was last asked. */
  take(): ReadonlySet<string> {
    const taken = this.#taken;
    this.#taken = new Set();
    return taken;
  }

  /** Something was done. Only a look that names the bans tells what should have come of it. */
  disturb(): void {
    if (this.#seen !== null && ![...this.#seen.keys()].every((family) => this.#lists(family))) this.#seen = null;
  }

  async run(isUrgent: boolean): Promise<void> {
    const { steps } = this.#parts;
    const began_ms = performance.now();
    if (!isUrgent && began_ms < this.#dueAt_ms) return;
    const before_ms = steps.cpu_ms;
    const look = await this.#look();
    if (!this.#isAsSeen(look)) await this.#makeGood(look);
    const rest_ms = Math.max((steps.cpu_ms - before_ms) / reviewLimits.share, reviewLimits.rest_ms_min);
    this.#dueAt_ms = began_ms + Math.min(rest_ms * 2 ** this.#vain, reviewLimits.rest_ms_max);
  }

  /** Null: nobody can say. */
  async #look(): Promise<Look | null> {
    const { lifecycle, steps } = this.#parts;
    const families = [...lifecycle.stages.keys()];
    const texts = await Promise.all(families.map((family) => steps.look(family)));
    const looks = new Map(families.flatMap((family, i) => pair(family, texts[i] ?? null)));
    return looks.size === 0 || looks.size < families.length ? null : looks;
  }

  /** Nothing has changed, or only what the bans themselves have. */
  #isAsSeen(look: Look | null): boolean {
    const seen = this.#seen;
    if (look === null || seen === null || look.size !== seen.size) return false;
    const changed = [...look].filter(([family, text]) => text !== seen.get(family)?.text);
    if (changed.length === 0) return true;
    const isListed = changed.every(
      ([family, text]) => this.#lists(family) && this.#missingIn(text, family).length === 0,
    );
    const now = isListed ? this.#seenIn(look) : null;
    if (now === null || [...now].some(([family, { frame }]) => frame !== seen.get(family)?.frame)) return false;
    this.#seen = now;
    return true;
  }

  async #makeGood(look: Look | null): Promise<void> {
    const { lifecycle, log, isRenewed } = this.#parts;
    await lifecycle.recover();
    if ((await lifecycle.stands()) === false) await lifecycle.consistent();
    this.#taken = await this.#missing();
    const isGone = lifecycle.hasGone || this.#taken.size > 0;
    const isRestored = [...lifecycle.stages.keys()].some(isRenewed);
    this.#seen = look === null || isGone || isRestored ? null : this.#seenIn(look);
    this.#vain = isGone ? this.#vain + 1 : 0;
    if (this.#taken.size > 0 && this.#vain === 1) log.misses(this.#taken.size);
  }

  /** The bans that the action does not find where it has put them. */
  async #missing(): Promise<Set<string>> {
    const { steps } = this.#parts;
    if (!steps.has('actionlist')) return new Set();
    const missing: string[] = [];
    for (const bans of Map.groupBy(this.#due(), (ban) => steps.keyOf('actionlist', familyOf(ban))).values()) {
      const [first] = bans;
      const listed = first === undefined ? null : await steps.list(familyOf(first));
      if (listed !== null) missing.push(...notIn(listed, bans));
    }
    return new Set(missing);
  }

  #missingIn(text: string, family: TicketFamily): string[] {
    const due = this.#due().filter((ban) => familyOf(ban) === family);
    return notIn(addressesIn(text), due);
  }

  /** What should be found in the firewall: not what waits until that can be made anew. */
  #due(): Ban[] {
    const { done, isRenewed, lifecycle, now } = this.#parts;
    const soon = now() + reviewLimits.ending_s;
    const isAbsent = (family: TicketFamily) => isRenewed(family) || lifecycle.isGone(family);
    return done().filter((ban) => !isOver(ban.until, soon) && !isAbsent(familyOf(ban)));
  }

  #seenIn(look: Look): Seen {
    const isListed = [...look.keys()].some((family) => this.#lists(family));
    const bans = new Set(isListed ? this.#parts.done().map(addressOf) : []);
    return new Map(Array.from(look, ([family, text]) => [family, { text, frame: frameOf(text, bans) }]));
  }

  /** Does a look name the bans, too? */
  #lists(family: TicketFamily): boolean {
    const { steps } = this.#parts;
    return steps.has('actionlist') && steps.keyOf('actionlist', family) === steps.keyOf('actionlook', family);
  }
}

function pair(family: TicketFamily, text: string | null): [TicketFamily, string][] {
  return text === null ? [] : [[family, text]];
}

function notIn(listed: ReadonlySet<string>, bans: readonly Ban[]): string[] {
  return bans.filter((ban) => !listed.has(addressOf(ban))).map(({ id }) => id);
}

function addressOf({ id, ip }: Ban): string {
  return ip ?? canonical(id) ?? id;
}
