/** The lines of some logs as texts with their dates: made once, however many filters read the same logs. */
import type { Line } from '../ticket.ts';
import type { UnixTime } from '../time.ts';
import type { FilterConf, FilterPorts } from './conf.ts';
import { dateConf } from './date-kit.ts';
import type { TemplateUse } from './datedetector.ts';
import { cutMark, line_bytes_max } from './limits.ts';
import { type DatedLine, LineDates, type LineMode } from './line-date.ts';
import { type DatedText, LineRoom } from './line-text.ts';
import type { Budget } from './regex/pattern.ts';
import { Subject } from './regex/subject.ts';

/** A line that is being judged by one filter after the other. */
export interface ReadLine {
  /** `error` is a date that makes fail2ban drop the line. */
  readonly dated: DatedLine | 'error';
  /** To look for its date took all that a line may cost. */
  readonly exhausted: boolean;
}

type Reads = Pick<FilterPorts, 're2' | 'zone' | 'decode' | 'ascii'>;

/** Filters that share one have to be given the same lines, in the same order and at the same times. */
export class LogLines {
  readonly #decode: FilterPorts['decode'];
  readonly #dates: LineDates;
  readonly #room: LineRoom;
  #line: Line | null = null;
  #now: UnixTime = 0;
  #mode: LineMode = 'operation';
  #last: ReadLine = { dated: 'error', exhausted: false };
  #searched: Subject | null = null;

  /** Throws ERR_FILTER_DATEPATTERN, ERR_FILTER_TIMEZONE. */
  constructor(conf: Pick<FilterConf, 'datepattern' | 'logtimezone'>, ports: Reads, now: UnixTime) {
    this.#decode = ports.decode;
    this.#dates = new LineDates(dateConf(conf, ports, now));
    this.#room = new LineRoom(ports.ascii, ports.re2.searches);
  }

  /** The date templates in their present order, with hits. */
  get templates(): readonly TemplateUse[] {
    return this.#dates.templates;
  }

  /** Good until the next line is read. The first filter's budget pays for it. */
  read(line: Line, now: UnixTime, mode: LineMode, budget: Budget): ReadLine {
    if (line === this.#line && now === this.#now && mode === this.#mode) return this.#last;
    this.#line = line;
    this.#now = now;
    this.#mode = mode;
    this.#searched = null;
    const text = this.#room.take(line) ?? Subject.ofText(this.#textOf(line.bytes));
    const dated =
      line.time === undefined
        ? this.#dates.find(text, now, mode, budget)
        : this.#dates.known(text, line.time, now, mode);
    this.#last = { dated, exhausted: budget.exhausted };
    return this.#last;
  }

  /** What the regexes search: the line read last, without its date, and a line end. */
  searched(parts: DatedText): Subject {
    this.#searched ??= this.#room.searched(parts);
    return this.#searched;
  }

  #textOf(bytes: Uint8Array): string {
    const text = this.#decode(bytes.length > line_bytes_max ? bytes.subarray(0, line_bytes_max) : bytes);
    return bytes.length > line_bytes_max ? text + cutMark : text.replace(/[\r\n]+$/, '');
  }
}
