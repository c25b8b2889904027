/** From a source to the jails that read it: one batch of lines, one transaction. */
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import type { Filter, PendingFailure } from '../../shared/filter/filter.ts';
import type { Failure, Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Batch, Source } from '../sources/source.ts';
import type { Effects } from './effects.ts';
import type { Jail, Waiting } from './jail.ts';
import type { Core } from './parts.ts';
import { type SourcePlan, sourceName } from './plan.ts';
import type { Roster } from './roster.ts';
import { Sources } from './sources.ts';

interface Reader {
  readonly jail: Jail;
  readonly waiting: Waiting;
}

interface Slice {
  readonly lines: number;
  readonly took_ms: number;
  /** Behind them. */
  readonly place: string;
}

/** So long one log is read at a stretch, in one transaction; a line that was begun is judged to its end. */
const slice_ms_max = 40;
/** Lines that take longer than this, all jails together, are dear. */
const dear_line_ms = 10;
/** So long they may have taken more than that, less what others took less: one slow moment is nothing. */
const overdue_ms_max = 500;
/** A log of dear lines waits as long as they took, and at most so long. */
const pause_ms_max = 200;

export class Reading {
  readonly #core: Core;
  readonly #roster: Roster;
  readonly #sources: Sources;
  /** By log: the time that its lines took beyond what lines may take. */
  readonly #overdue_ms = new Map<string, number>();
  /** Logs of whose dear lines was told. */
  readonly #slowed = new Set<string>();
  #isClosed = false;

  constructor(core: Core, roster: Roster) {
    this.#core = core;
    this.#roster = roster;
    const log = core.parts.log.logger('filter');
    this.#sources = new Sources({
      create: (source, readers) => this.#create(source, readers),
      take: (jails, batch) => this.#take(jails, batch),
      failed: (name, reason) => log.error(`${name}: ${reason}; it is tried again`),
    });
  }

  /** Follows what the jails want to read now. */
  follow(): Promise<void> {
    return this.#sources.follow(this.#roster.plans);
  }

  filesOf(jail: string): readonly string[] {
    return this.#sources.filesOf(jail);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#sources.close();
  }

  /** A source begins where it was left, or so far back that what is older counts no more. */
  #create(plan: SourcePlan, readers: readonly string[]): Source {
    const { desk } = this.#core;
    const { store, now, createSource } = this.#core.parts;
    const jails = readers.flatMap((name) => this.#roster.get(name)?.plan ?? []);
    const findtime = Math.max(0, ...jails.map(({ rules }) => rules.findtime));
    const name = sourceName(plan);
    const dates = jails.map((jail) => this.#roster.compile(jail)).find((filter) => filter !== null);
    const timeOf = (line: Line) => timeIn(dates, line, now());
    const source = createSource(plan, {
      position: desk.placeOf(name) ?? store.positions.get(name),
      since: now() - findtime,
      timeOf,
    });
    if (source.name !== name) throw new Error(`the source ${source.name} was expected to be ${name}`);
    return source;
  }

  /**
   * The lines' failures, bans, events and the place behind them are written together (the desk says when). Lines for which there is no time now
   * come again next; meanwhile others have their turn: other logs, clients, the edge.
   */
  async #take(jails: readonly string[], batch: Batch): Promise<void> {
    const { desk } = this.#core;
    const readers = jails
      .flatMap((name) => this.#roster.get(name) ?? [])
      .map((jail): Reader => ({ jail, waiting: { named: [], asked: [] } }));
    const result = desk.judge(batch.source, (effects, now) => {
      const slice = this.#judge(readers, batch, now, effects);
      return { place: slice.place, lines: slice.lines, result: slice };
    });
    for (const { jail, waiting } of readers) {
      for (const failure of waiting.named) void this.#hearNamed(jail, failure);
      for (const failure of waiting.asked) void this.#hearAnswered(jail, failure);
    }
    const pause_ms = this.#pauseFor(batch.source, result);
    await (pause_ms > 0 ? sleep(pause_ms) : immediate());
  }

  /** As many lines as there is time for, each by all jails. */
  #judge(readers: readonly Reader[], batch: Batch, now: UnixTime, effects: Effects): Slice {
    const mode = batch.live ? 'operation' : 'initial';
    const began = performance.now();
    let taken = 0;
    for (const line of batch.lines) {
      for (const { jail, waiting } of readers) jail.read(line, mode, now, effects, waiting);
      taken += 1;
      if (performance.now() - began > slice_ms_max) break;
    }
    const place = taken < batch.lines.length ? batch.takeOnly(taken) : batch.position;
    return { lines: taken, took_ms: performance.now() - began, place };
  }

  /** A log of dear lines gets half of the time at the most: others would wait for it all the time. */
  #pauseFor(source: string, { lines, took_ms }: Slice): number {
    const before = this.#overdue_ms.get(source) ?? 0;
    const overdue_ms = Math.min(overdue_ms_max, Math.max(0, before + took_ms - dear_line_ms * lines));
    this.#overdue_ms.set(source, overdue_ms);
    if (overdue_ms < overdue_ms_max) return 0;
    if (!this.#slowed.has(source)) {
      const text = `${source}: its lines take more than ${dear_line_ms} ms each: it is read half of the time`;
      this.#core.parts.log.logger('filter').warning(text);
      this.#slowed.add(source);
    }
    return Math.min(took_ms, pause_ms_max);
  }

  /** A failure of a host name counts when its addresses have come. */
  async #hearNamed({ name }: Jail, failure: PendingFailure): Promise<void> {
    const addresses = await this.#core.parts.resolver.addresses(failure.name);
    this.#later(name, (jail, now, effects) => {
      const asked = jail.hearNamed(failure, addresses, now, effects);
      for (const each of asked) void this.#hearAnswered(jail, each);
    });
  }

  /** A failure about which ignorecommand is asked counts when the answer has come. */
  async #hearAnswered(asked: Jail, failure: Failure): Promise<void> {
    const answer = await asked.ask(failure);
    this.#later(asked.name, (jail, now, effects) => jail.hearAnswered(failure, answer, now, effects));
  }

  /** A transaction of the jail that now bears the name: there may have been a reload, or a stop. */
  #later(name: string, body: (jail: Jail, now: UnixTime, effects: Effects) => void): void {
    const jail = this.#roster.get(name);
    const { desk } = this.#core;
    if (jail === undefined || this.#isClosed) return;
    try {
      desk.transact((effects, now) => body(jail, now, effects));
    } catch (error) {
      // the desk has told what is wrong with the database
      if (!desk.isBroken) throw error;
    }
  }
}

function timeIn(dates: Filter | undefined, line: Line, now: number): number | null {
  return dates?.process(line, now, 'unchecked').time ?? null;
}
