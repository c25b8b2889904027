/** Takes all streams through the jails in the order of time: the one that lags behind is read next. */
import { failuresOf } from '../../shared/filter/filter.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Chunk } from '../regex/input.ts';
import type { Progress } from '../regex/progress.ts';
import type { Event, Readers } from './readers.ts';
import type { Span, Stream } from './streams.ts';
import type { Trial } from './trial.ts';

export interface ReplayPorts {
  /** The addresses of a name. */
  resolve(name: string): Promise<readonly string[]>;
  readonly progress: Progress;
}

/** What was read. */
export interface Reading {
  lines: number;
  /** Lines that took more than their time, and count as misses. */
  givenUp: number;
  first: UnixTime | null;
  last: UnixTime | null;
}

interface Running {
  readonly readers: Readers;
  readonly chunks: AsyncIterator<Chunk>;
  /** What its lines have said, and nobody has heard yet; `heard` of them are done. */
  events: Event[];
  heard: number;
  ended: boolean;
}

/** `open` makes the filters that read a stream. */
export async function replay(
  streams: readonly Stream[],
  trials: readonly Trial[],
  span: Span,
  open: (stream: Stream) => Readers,
  ports: ReplayPorts,
): Promise<Reading> {
  const running = streams.map((stream) => begin(stream, open(stream)));
  const reading: Reading = { lines: 0, givenUp: 0, first: null, last: null };
  for (let next = lagging(running); next !== undefined; next = lagging(running)) {
    await readChunk(next, span, reading, ports.progress);
    await hearUntil(lowest(running), running, trials, ports);
  }
  await hearUntil(Number.POSITIVE_INFINITY, running, trials, ports);
  ports.progress.end();
  reading.givenUp = running.reduce((sum, { readers }) => sum + readers.givenUp, 0);
  return reading;
}

function begin(stream: Stream, readers: Readers): Running {
  return { readers, chunks: stream.chunks[Symbol.asyncIterator](), events: [], heard: 0, ended: false };
}

/** The stream whose time is furthest behind. */
function lagging(running: readonly Running[]): Running | undefined {
  const open = running.filter(({ ended }) => !ended);
  return open.reduce<Running | undefined>((a, b) => (a === undefined || timeOf(b) < timeOf(a) ? b : a), undefined);
}

function timeOf({ readers, ended }: Running): UnixTime {
  return ended ? Number.POSITIVE_INFINITY : (readers.time ?? Number.NEGATIVE_INFINITY);
}

function lowest(running: readonly Running[]): UnixTime {
  return Math.min(...running.map(timeOf));
}

async function readChunk(one: Running, span: Span, reading: Reading, progress: Progress): Promise<void> {
  const next = await one.chunks.next();
  if (next.done === true) {
    one.ended = true;
    return;
  }
  const before = reading.lines;
  let first = one.readers.time;
  for (const line of next.value.lines) {
    reading.lines += 1;
    one.readers.read(line, one.events);
    first ??= one.readers.time;
  }
  note(one, first, span, reading);
  progress.add(next.value.bytes, reading.lines - before);
}

/** What happened outside the time that was asked for is left out. */
function note(one: Running, first: UnixTime | null, { since, until }: Span, reading: Reading): void {
  const { time } = one.readers;
  one.events = one.events.slice(one.heard).filter(({ now }) => now <= until && (since === null || now >= since));
  one.heard = 0;
  if (first === null || time === null || (since !== null && time < since)) return;
  reading.first = Math.min(reading.first ?? Number.POSITIVE_INFINITY, Math.max(first, since ?? first));
  reading.last = Math.max(reading.last ?? Number.NEGATIVE_INFINITY, Math.min(time, until));
}

/** All that the streams have said up to `until`, in the order of time. */
async function hearUntil(
  until: UnixTime,
  running: readonly Running[],
  trials: readonly Trial[],
  ports: ReplayPorts,
): Promise<void> {
  for (;;) {
    const first = earliest(running);
    const event = first?.events[first.heard];
    if (first === undefined || event === undefined || event.now > until) return;
    first.heard += 1;
    if (event.kind === 'named') await hearNamed(event, trials, ports);
    else hear(event, trials);
  }
}

function earliest(running: readonly Running[]): Running | undefined {
  let best: Running | undefined;
  let at = Number.POSITIVE_INFINITY;
  for (const one of running) {
    const event = one.events[one.heard];
    if (event === undefined || event.now >= at) continue;
    best = one;
    at = event.now;
  }
  return best;
}

function hear(event: Exclude<Event, { kind: 'named' }>, trials: readonly Trial[]): void {
  if (event.kind === 'login') {
    for (const trial of trials) trial.login(event.address, event.user, event.now);
    return;
  }
  for (const { trial, jail } of event.to) trials[trial]?.hear(jail, event.failure, event.now);
}

async function hearNamed(
  { pending, to, now }: Extract<Event, { kind: 'named' }>,
  trials: readonly Trial[],
  ports: ReplayPorts,
): Promise<void> {
  const addresses = await ports.resolve(pending.name);
  for (const failure of failuresOf(pending, addresses)) hear({ kind: 'failure', to, failure, now }, trials);
}
