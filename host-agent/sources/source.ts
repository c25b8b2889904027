/** The port of every source of log lines: a file that is followed, or the journal. */
import type { EdgebanError } from '../../shared/errors.ts';
import type { Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';

/** To be gone through in their order; an array is one. */
export interface Lines extends Iterable<Line> {
  readonly length: number;
}

/** Lines in the order in which they were read. `lines` may be empty: then only the position has moved. */
export interface Batch {
  /** The source's stable id, as in Source.name. */
  readonly source: string;
  readonly lines: Lines;
  /**
   * JSON, opaque to everyone but the source. Saved in the same transaction as what the lines caused, it makes each
   * line count exactly once: a source that is started with it goes on behind the last of `lines`.
   */
  readonly position: string;
  /** False while catching up on what was there at start (fail2ban: the initial read, before operation mode). */
  readonly live: boolean;
  /** The sink has time for the first `count` lines only: returns the position behind them; the others come again next. */
  takeOnly(count: number): string;
}

/** Takes a batch; the source reads on when it has settled (back-pressure). What it throws ends `run`. */
export type Sink = (batch: Batch) => void | Promise<void>;

/** A source is run once. `run` settles when `signal` aborts (resolves) or the sink throws (rejects); it leaves nothing open. */
export interface Source {
  /** Stable id: `file:/var/log/auth.log`, `journal:…`. */
  readonly name: string;
  run(sink: Sink, signal: AbortSignal): Promise<void>;
}

/** What a source needs of the world besides the file system. */
export interface SourcePorts {
  now(): UnixTime;
  /** Told once per incident; the source goes on trying by itself. */
  onError(error: EdgebanError): void;
}
