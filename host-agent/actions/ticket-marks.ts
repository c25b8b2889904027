/** What an action has done, in memory and written down: a command that has run leaves no other trace that we could read. */
import * as z from 'zod/mini';
import type { Ban } from '../../shared/ticket.ts';
import { untilOf } from '../../shared/time.ts';
import type { Stage } from './lifecycle.ts';
import type { Ledger, TicketFamily, Voice } from './ticket-action.ts';

/** `trying`: a command runs, or ran when the daemon died, or failed half way. `skipped`: not the action's to do. */
export type MarkState = 'trying' | 'done' | 'skipped';

const markShape = z.object({
  state: z.enum(['trying', 'done', 'skipped']),
  ip: z.nullable(z.string()),
  at: z.number(),
  bantime: z.number(),
  count: z.number(),
  failures: z.number(),
});

const stagesShape = z.partialRecord(z.enum(['', 'inet4', 'inet6']), z.enum(['stopped', 'started', 'holds', 'gone']));
const ownShape = z.object({ boot: z.string(), stages: stagesShape });

export type Stages = ReadonlyMap<TicketFamily, Stage>;

export interface MarksPlace {
  readonly ledger: Ledger;
  readonly jail: string;
  readonly action: string;
  readonly log: Voice;
}

export class TicketMarks {
  readonly #place: MarksPlace;
  readonly #states = new Map<string, MarkState>();
  #own = '';
  #isBroken = false;

  constructor(place: MarksPlace) {
    this.#place = place;
  }

  /** What an earlier daemon has left undone or in force; null if it left nothing. */
  load(): { readonly boot: string; readonly stages: Stages } | null {
    const { ledger, jail, action } = this.#place;
    let own: { readonly boot: string; readonly stages: Stages } | null = null;
    for (const { id, data } of ledger.marks(jail, action)) {
      if (id === '') own = ownOf(data);
      else this.#states.set(id, markShape.parse(JSON.parse(data)).state);
    }
    return own;
  }

  /** Takes over what another of the same action has in memory. */
  adopt(other: TicketMarks): void {
    for (const [id, state] of other.#states) this.#states.set(id, state);
    this.#own = other.#own;
  }

  get(id: string): MarkState | undefined {
    return this.#states.get(id);
  }

  get ids(): readonly string[] {
    return [...this.#states.keys()];
  }

  set(ban: Ban, state: MarkState): void {
    if (this.#states.get(ban.id) === state) return;
    this.#states.set(ban.id, state);
    const { ip, at, bantime, count, failures } = ban;
    this.#write(ban.id, JSON.stringify({ state, ip, at, bantime, count, failures }));
  }

  drop(id: string): void {
    if (!this.#states.delete(id)) return;
    const { ledger, jail, action } = this.#place;
    this.#attempt(() => ledger.drop(jail, action, id));
  }

  /** The action's own row: how far it has been started, and since which boot. */
  setOwn(boot: string, stages: Stages): void {
    const own = JSON.stringify({ boot, stages: Object.fromEntries(stages) });
    if (own === this.#own) return;
    this.#own = own;
    this.#write('', own);
  }

  clear(): void {
    this.#states.clear();
    this.#own = '';
    const { ledger, jail, action } = this.#place;
    this.#attempt(() => ledger.clear(jail, action));
  }

  /** The marked bans as far as they were written down, for those that the store has no more. */
  written(): Map<string, Ban> {
    const { ledger, jail, action } = this.#place;
    const bans = ledger.marks(jail, action).flatMap(({ id, data }): [string, Ban][] => {
      if (id === '') return [];
      const { state: _state, ...known } = markShape.parse(JSON.parse(data));
      const { at, bantime } = known;
      return [[id, { jail, id, ...known, until: untilOf(at, bantime), matches: [] }]];
    });
    return new Map(bans);
  }

  #write(id: string, data: string): void {
    const { ledger, jail, action } = this.#place;
    this.#attempt(() => ledger.set(jail, action, id, data));
  }

  /** Commands go on while the database cannot be written; only a crash meanwhile would lose sight of them. */
  #attempt(write: () => void): void {
    try {
      write();
      this.#isBroken = false;
    } catch (error) {
      if (!this.#isBroken)
        this.#place.log.error(`what ${this.#place.action} does cannot be written down: ${String(error)}`);
      this.#isBroken = true;
    }
  }
}

function ownOf(data: string): { boot: string; stages: Stages } {
  const { boot, stages } = ownShape.parse(JSON.parse(data));
  const families = (['', 'inet4', 'inet6'] as const).flatMap((family) => {
    const stage = stages[family];
    return stage === undefined ? [] : [[family, stage] as const];
  });
  return { boot, stages: new Map(families) };
}
