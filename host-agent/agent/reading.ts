/** From a source to the jails that read it: one batch of lines, one transaction. */
import type { Filter, PendingFailure } from '../../shared/filter/filter.ts';
import type { Failure, Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Batch, Source } from '../sources/source.ts';
import type { Effects } from './effects.ts';
import type { Jail } from './jail.ts';
import type { Core } from './parts.ts';
import { type SourcePlan, sourceName } from './plan.ts';
import type { Roster } from './roster.ts';
import { Sources } from './sources.ts';

export class Reading {
  readonly #core: Core;
  readonly #roster: Roster;
  readonly #sources: Sources;
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

  filesOf(jail: string): string[] {
    return this.#sources.filesOf(jail);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#sources.close();
  }

  /** A source begins where it was left, or so far back that what is older counts no more. */
  #create(plan: SourcePlan, readers: readonly string[]): Source {
    const { store, now, createSource } = this.#core.parts;
    const jails = readers.flatMap((name) => this.#roster.get(name)?.plan ?? []);
    const findtime = Math.max(0, ...jails.map(({ rules }) => rules.findtime));
    const name = sourceName(plan);
    const dates = jails.map((jail) => this.#roster.compile(jail)).find((filter) => filter !== null);
    const timeOf = (line: Line) => timeIn(dates, line, now());
    const source = createSource(plan, { position: store.positions.get(name), since: now() - findtime, timeOf });
    if (source.name !== name) throw new Error(`the source ${source.name} was expected to be ${name}`);
    return source;
  }

  /** The lines' failures, bans, events and the place behind them are written together. */
  #take(jails: readonly string[], batch: Batch): void {
    const { desk, parts } = this.#core;
    const mode = batch.live ? 'operation' : 'initial';
    const readers = jails.flatMap((name) => this.#roster.get(name) ?? []);
    const { result } = desk.transact((effects, now) => {
      const waiting = readers.map((jail) => [jail, jail.read(batch.lines, mode, now, effects)] as const);
      parts.store.positions.set(batch.source, batch.position);
      return waiting;
    });
    for (const [jail, { named, asked }] of result) {
      for (const failure of named) void this.#hearNamed(jail, failure);
      for (const failure of asked) void this.#hearAnswered(jail, failure);
    }
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
