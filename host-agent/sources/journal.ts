/** The systemd journal as a source: journalctl followed from a cursor, restarted when it dies. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { EdgebanError } from '../../shared/errors.ts';
import type { Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import { Incidents } from './incidents.ts';
import { type Entry, ExportParser, lineFields } from './journal-export.ts';
import { lineOf, receivedAt } from './journal-line.ts';
import { activeFiles, wakeFollowers } from './journal-wake.ts';
import { type Journalctl, startJournalctl } from './journalctl.ts';
import { journalArguments, matchArguments } from './journalmatch.ts';
import type { Sink, Source, SourcePorts } from './source.ts';

const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 60_000;

export interface JournalOptions {
  /** Makes the source's name `journal:ID`: the jail's name. */
  readonly id: string;
  /** The jail's journalmatch, line by line; none reads the whole journal. */
  readonly matches: readonly string[];
  /** The options in brackets behind `backend = systemd`. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  /** What the last batch said, if any was ever saved. */
  readonly position?: string | undefined;
  /** Without a position: from here on; without both, from now on. */
  readonly since?: UnixTime | undefined;
  /** The program and its first arguments. */
  readonly command?: readonly string[] | undefined;
  /** The journal files whose followers are woken early; by default those that the backend's options mean. */
  readonly active?: readonly string[] | undefined;
}

const positionShape = z.object({
  v: z.literal(1),
  cursor: z.string().check(z.regex(/^s=[0-9a-f]{32};i=[0-9a-f;=bmtx]{1,200}$/)),
});

/** Throws ERR_JOURNAL_MATCH or ERR_JOURNAL_OPTION; starts nothing yet. */
export function createJournalSource(options: JournalOptions, ports: SourcePorts): Source {
  return new JournalSource(options, ports);
}

class JournalSource implements Source {
  readonly name: string;
  readonly #options: JournalOptions;
  readonly #ports: SourcePorts;
  readonly #incidents: Incidents;
  readonly #selection: readonly string[];
  readonly #matches: readonly string[];
  #cursor: string | null = null;
  #restart_ms = RESTART_MS_MIN;

  constructor(options: JournalOptions, ports: SourcePorts) {
    this.name = `journal:${options.id}`;
    this.#options = options;
    this.#ports = ports;
    this.#incidents = new Incidents(ports.onError);
    this.#selection = journalArguments(options.options ?? {});
    this.#matches = matchArguments(options.matches);
  }

  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    if (this.#options.position !== undefined) this.#cursor = this.#savedCursor(this.#options.position);
    const { active, options = {} } = this.#options;
    const stopWaking = wakeFollowers(active ?? activeFiles(options));
    try {
      await this.#followOn(sink, signal);
    } finally {
      stopWaking();
    }
  }

  /** One journalctl after the other. */
  async #followOn(sink: Sink, signal: AbortSignal): Promise<void> {
    const from = this.#options.since ?? this.#ports.now();
    while (!signal.aborted) {
      await this.#follow(from, sink, signal);
      if (signal.aborted) return;
      await sleep(this.#restart_ms, undefined, { signal }).catch(() => undefined);
      this.#restart_ms = Math.min(this.#restart_ms * 2, RESTART_MS_MAX);
    }
  }

  /** One life of journalctl. */
  async #follow(from: UnixTime, sink: Sink, signal: AbortSignal): Promise<void> {
    const startedAt = this.#ports.now();
    const journalctl = startJournalctl(this.#options.command ?? ['journalctl'], this.#arguments(from), () =>
      this.#complain(journalctl),
    );
    const stop = () => void journalctl.stop();
    signal.addEventListener('abort', stop);
    try {
      await this.#read(journalctl, startedAt, sink, signal);
      if (!signal.aborted) this.#died(journalctl.complaint(), await journalctl.ended);
    } finally {
      signal.removeEventListener('abort', stop);
      await journalctl.stop();
    }
  }

  #arguments(from: UnixTime): string[] {
    // Not --after-cursor: it skips an entry where the one of the cursor was vacuumed away.
    const start = this.#cursor === null ? `--since=@${Math.floor(from)}` : `--cursor=${this.#cursor}`;
    const output = ['--output=export', `--output-fields=${lineFields.join(',')}`];
    return ['--follow', '--no-tail', ...output, start, ...this.#selection, ...this.#matches];
  }

  async #read(journalctl: Journalctl, startedAt: UnixTime, sink: Sink, signal: AbortSignal): Promise<void> {
    const parser = new ExportParser();
    let resumeAt = this.#cursor;
    for await (const chunk of untilGone(journalctl.output)) {
      let entries: readonly Entry[] = parser.push(chunk);
      if (entries.length === 0) continue;
      if (resumeAt !== null) entries = this.#behind(resumeAt, entries);
      resumeAt = null;
      for (const batch of byAge(entries, startedAt)) {
        if (signal.aborted) return;
        await this.#give(batch, sink, signal);
      }
    }
  }

  /** In as many parts as the sink takes. */
  async #give(batch: { live: boolean; entries: readonly Entry[] }, sink: Sink, signal: AbortSignal): Promise<void> {
    for (let { entries } = batch; entries.length > 0 && !signal.aborted; ) {
      const lines: Line[] = entries.map(lineOf);
      let taken = entries;
      const takeOnly = (count: number) => {
        taken = entries.slice(0, count);
        return this.#position(taken);
      };
      await sink({ source: this.name, lines, position: this.#position(entries), live: batch.live, takeOnly });
      this.#cursor = lastCursor(taken) ?? this.#cursor;
      entries = entries.slice(taken.length);
    }
    this.#restart_ms = RESTART_MS_MIN;
    this.#incidents.over();
  }

  /** Behind these entries; each has a cursor (journalctl says so), but it is what others may have written. */
  #position(entries: readonly Entry[]): string {
    const cursor = lastCursor(entries) ?? this.#cursor;
    if (cursor === null) throw new Error('journal entries without a cursor');
    return JSON.stringify({ v: 1, cursor });
  }

  /** The first entry is the one of the cursor, if it is there still. */
  #behind(cursor: string, entries: readonly Entry[]): readonly Entry[] {
    const [first] = entries;
    if (first !== undefined && first.__CURSOR === cursor) return entries.slice(1);
    this.#ports.onError(
      cursorLost('the journal no longer has the entry where reading stopped: it goes on with the next'),
    );
    return entries;
  }

  #savedCursor(position: string): string | null {
    try {
      return positionShape.parse(JSON.parse(position)).cursor;
    } catch {
      this.#ports.onError(cursorLost('the saved cursor is not valid: the journal is read from findtime ago'));
      return null;
    }
  }

  /** What journalctl says while it goes on running. */
  #complain(journalctl: Journalctl): void {
    const said = journalctl.complaint();
    if (/insufficient permissions|not seeing messages/.test(said)) {
      const remedy = 'run edgeban as root or as a member of the group systemd-journal';
      this.#incidents.report(new EdgebanError('ERR_SOURCE_UNREADABLE', 'the journal may not be read', { remedy }));
    } else if (said.includes('No journal files were found')) {
      const remedy = 'see that systemd-journald runs, and journalpath, journalfiles and namespace of the backend';
      this.#incidents.report(new EdgebanError('ERR_SOURCE_MISSING', 'there is no journal yet', { remedy }));
    }
  }

  #died(complaint: string, ended: string): void {
    const why = complaint.split('\n').at(-1)?.slice(0, 300);
    if (complaint.includes('cursor') && this.#cursor !== null) {
      this.#ports.onError(cursorLost(`journalctl refuses the cursor (${why}): the journal is read from findtime ago`));
      this.#cursor = null;
      return;
    }
    const message = `journalctl ended (${ended})${why ? `: ${why}` : ''}`;
    const remedy = 'it is started again by itself; see that `journalctl --follow` works';
    this.#incidents.report(new EdgebanError('ERR_JOURNAL_FAILED', message, { remedy }));
  }
}

function lastCursor(entries: readonly Entry[]): string | null {
  return entries.findLast((entry) => entry.__CURSOR)?.__CURSOR ?? null;
}

/** A stream that is torn down by our own stop has ended, not failed. */
async function* untilGone(output: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* output;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}

/** Entries that were there when journalctl started, then those that came since. */
function byAge(entries: readonly Entry[], startedAt: UnixTime): { live: boolean; entries: readonly Entry[] }[] {
  const found = entries.findIndex((entry) => (receivedAt(entry) ?? 0) >= startedAt);
  const border = found < 0 ? entries.length : found;
  const batches = [
    { live: false, entries: entries.slice(0, border) },
    { live: true, entries: entries.slice(border) },
  ];
  return batches.filter((batch) => batch.entries.length > 0);
}

function cursorLost(message: string): EdgebanError {
  return new EdgebanError('ERR_SOURCE_POSITION_LOST', message);
}
