/** Lines of one stream become failures and logins, with the clock of the line itself. */
import {
  createFilter,
  type Filter,
  type FilterPorts,
  type LineResult,
  type PendingFailure,
} from '../../shared/filter/filter.ts';
import type { Failure, Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import { asciiText, decoderFor } from '../agent/decoder.ts';
import { type JailPlan, logsOf } from '../agent/plan.ts';
import { localZone } from '../agent/ports.ts';
import { loginFilter } from './logins.ts';

/** What a line says, for each of those who wait for it. */
export type Event =
  | { readonly kind: 'failure'; readonly to: readonly Listener[]; readonly failure: Failure; readonly now: UnixTime }
  /** A failure of a name whose addresses are not known yet. */
  | {
      readonly kind: 'named';
      readonly to: readonly Listener[];
      readonly pending: PendingFailure;
      readonly now: UnixTime;
    }
  | { readonly kind: 'login'; readonly address: string; readonly user: string; readonly now: UnixTime };

/** A jail of one trial: the same filter serves those of several. */
export interface Listener {
  readonly trial: number;
  readonly jail: string;
}

export interface ReaderPorts {
  readonly re2: FilterPorts['re2'];
  readonly clock: NonNullable<FilterPorts['clock']>;
  now(): UnixTime;
}

interface Reader {
  readonly filter: Filter;
  readonly to: Listener[];
}

/**
 * A date without a year is taken for the last one that is not in the future. Seen from so long after the line before, dates
 * of the next weeks are of the right year, those of the last weeks too.
 */
const ahead_s = 300 * 86_400;

/** All filters that read one stream. */
export class Readers {
  readonly #ports: ReaderPorts;
  readonly #readers = new Map<string, Reader>();
  readonly #lines = new Map<string, Filter['lines']>();
  readonly #logins: Filter[] = [];
  /** The newest time that a line has told; null before the first. */
  time: UnixTime | null = null;
  /** Lines that took more than their time. */
  givenUp = 0;

  constructor(ports: ReaderPorts) {
    this.#ports = ports;
  }

  /** Throws what is wrong with the filter. */
  add(plan: JailPlan, listener: Listener): void {
    if (plan.filter === null) return;
    const logs = logsOf({ ...plan, logpath: [] });
    const key = JSON.stringify([logs, plan.filter]);
    const known = this.#readers.get(key);
    if (known !== undefined) return void known.to.push(listener);
    const filter = this.#compile(plan, plan.filter, this.#lines.get(logs));
    this.#readers.set(key, { filter, to: [listener] });
    if (this.#lines.has(logs)) return;
    this.#lines.set(logs, filter.lines);
    const { datepattern = null, logtimezone = null, findtime } = plan.filter;
    this.#logins.push(this.#compile(plan, { ...loginFilter, datepattern, logtimezone, findtime }, filter.lines));
  }

  #compile(plan: JailPlan, conf: NonNullable<JailPlan['filter']>, lines: Filter['lines'] | undefined): Filter {
    const decode = decoderFor(plan);
    const { re2, clock } = this.#ports;
    const resolve = () => 'pending' as const;
    const ports = { re2, clock, zone: localZone, decode, ascii: asciiText, lines, resolve };
    return createFilter(conf, ports, this.#ports.now());
  }

  /** What the line says, in the order in which the jails would hear it. */
  read(line: Line, into: Event[]): void {
    const seenFrom = this.time === null ? this.#ports.now() : this.time + ahead_s;
    for (const { filter, to } of this.#readers.values()) {
      const result = filter.process(line, seenFrom, 'unchecked');
      if (result.time !== null && (this.time === null || result.time > this.time)) this.time = result.time;
      if (result.failures.length > 0 || result.pending.length > 0) this.#tell(result, to, into);
      if (result.trouble?.kind === 'steps') this.givenUp += 1;
    }
    if (this.time === null) return;
    for (const logins of this.#logins) {
      for (const { id, groups } of logins.process(line, seenFrom, 'unchecked').failures)
        into.push({ kind: 'login', address: id, user: groups['user'] ?? '', now: this.time });
    }
  }

  /** A failure without a time of its own happened when the line before did. */
  #tell({ time, failures, pending }: LineResult, to: readonly Listener[], into: Event[]): void {
    const now = this.time ?? this.#ports.now();
    for (const failure of failures)
      into.push({ kind: 'failure', to, failure: time === null ? new Timed(failure, now) : failure, now });
    for (const one of pending) into.push({ kind: 'named', to, pending: one, now });
  }
}

/** A failure at another time; its groups are still made only when they are asked for. */
class Timed implements Failure {
  readonly #failure: Failure;
  readonly time: UnixTime;

  constructor(failure: Failure, time: UnixTime) {
    this.#failure = failure;
    this.time = time;
  }

  get id(): string {
    return this.#failure.id;
  }

  get ip(): string | null {
    return this.#failure.ip;
  }

  get matches(): readonly string[] {
    return this.#failure.matches;
  }

  get groups(): Failure['groups'] {
    return this.#failure.groups;
  }
}
