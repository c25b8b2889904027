/** What an action has done, in memory and written down: a command that has run leaves no other trace that we could read. */
import * as z from 'zod/mini';
import type { ActionConf } from '../../shared/config/action-conf.ts';
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
const texts = z.record(z.string(), z.string());
const confShape = z.object({
  name: z.string(),
  file: z.string(),
  commands: texts,
  parameters: texts,
  startOnDemand: z.nullable(z.boolean()),
  repairOnUnban: z.nullable(z.boolean()),
  norestored: z.boolean(),
  origin: z.object({ file: z.string(), line: z.number() }),
});
/** `conf`: how all of it is undone, also when nobody configures the action any more. */
const ownShape = z.object({ boot: z.string(), stages: stagesShape, conf: z.optional(confShape) });

export type Stages = ReadonlyMap<TicketFamily, Stage>;

/** What an earlier daemon has noted of an action. */
export interface Own {
  readonly boot: string;
  readonly stages: Stages;
  /** Null: it was not noted yet when this was written. */
  readonly conf: ActionConf | null;
}

export interface MarksPlace {
  readonly ledger: Ledger;
  readonly jail: string;
  readonly conf: ActionConf;
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
  load(): Own | null {
    const { ledger, jail, conf } = this.#place;
    for (const { id, data } of ledger.marks(jail, conf.name))
      if (id !== '') this.#states.set(id, markShape.parse(JSON.parse(data)).state);
    return ownOf(ledger, jail, conf.name);
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
    const { ledger, jail, conf } = this.#place;
    this.#attempt(() => ledger.drop(jail, conf.name, id));
  }

  /** The action's own row: how far it has been started, and since which boot. */
  setOwn(boot: string, stages: Stages): void {
    const own = JSON.stringify({ boot, stages: Object.fromEntries(stages), conf: this.#place.conf });
    if (own === this.#own) return;
    this.#own = own;
    this.#write('', own);
  }

  clear(): void {
    this.#states.clear();
    this.#own = '';
    const { ledger, jail, conf } = this.#place;
    this.#attempt(() => ledger.clear(jail, conf.name));
  }

  /** The marked bans as far as they were written down, for those that the store has no more. */
  written(): Map<string, Ban> {
    const { ledger, jail, conf } = this.#place;
    const bans = ledger.marks(jail, conf.name).flatMap(({ id, data }): [string, Ban][] => {
      if (id === '') return [];
      const { state: _state, ...known } = markShape.parse(JSON.parse(data));
      const { at, bantime } = known;
      return [[id, { jail, id, ...known, until: untilOf(at, bantime), matches: [] }]];
    });
    return new Map(bans);
  }

  #write(id: string, data: string): void {
    const { ledger, jail, conf } = this.#place;
    this.#attempt(() => ledger.set(jail, conf.name, id, data));
  }

  /** Commands go on while the database cannot be written; only a crash meanwhile would lose sight of them. */
  #attempt(write: () => void): void {
    try {
      write();
      this.#isBroken = false;
    } catch (error) {
      if (!this.#isBroken)
        this.#place.log.error(`what ${this.#place.conf.name} does cannot be written down: ${String(error)}`);
      this.#isBroken = true;
    }
  }
}

/** Null if nothing is left of the action. */
export function ownOf(ledger: Ledger, jail: string, action: string): Own | null {
  const data = ledger.marks(jail, action).find(({ id }) => id === '')?.data;
  if (data === undefined) return null;
  const { boot, stages, conf = null } = ownShape.parse(JSON.parse(data));
  const families = (['', 'inet4', 'inet6'] as const).flatMap((family) => {
    const stage = stages[family];
    return stage === undefined ? [] : [[family, stage] as const];
  });
  return { boot, stages: new Map(families), conf };
}
