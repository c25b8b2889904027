/** A log on the disk in memory: its writer and its rotation, step by step, and a reader that is played against them. */
import { createFileSource } from '../../host-agent/sources/file.ts';
import type { Batch } from '../../host-agent/sources/source.ts';
import type { EdgebanError } from '../../shared/errors.ts';
import { ModelDisk } from './model-disk.ts';

export const logPath = '/var/log/auth.log';

export type Compress = 'never' | 'at once' | 'later';

/** Its generators do one act of the writer or the rotation a step. */
export class ModelLog {
  readonly disk = new ModelDisk();
  /** Lines written so far; line n is `n attack attack`. */
  count = 0;
  readonly #compress: Compress;
  #writer = this.disk.writer(logPath);

  constructor(compress: Compress = 'never') {
    this.#compress = compress;
  }

  *write(lines: number): Generator<void> {
    const text = this.#lines(lines);
    // in two pieces, so that half a line is there now and then
    this.#writer.append(text.slice(0, text.length / 2));
    yield;
    this.#writer.append(text.slice(text.length / 2));
    yield;
  }

  /** By name; the writer is told of it late. */
  *rename(lateLines: number): Generator<void> {
    yield* this.#shift();
    this.disk.rename(logPath, `${logPath}.1`);
    yield;
    const fresh = this.disk.writer(logPath);
    yield;
    if (lateLines > 0) yield* this.write(lateLines);
    this.#writer.close();
    this.#writer = fresh;
    yield* this.#pack();
  }

  *copytruncate(): Generator<void> {
    yield* this.#shift();
    for (const share of [0, 0.3, 0.7, 1]) {
      this.disk.copy(logPath, `${logPath}.1`, share);
      yield;
    }
    this.disk.truncate(logPath);
    yield;
    yield* this.#pack();
  }

  #lines(count: number): string {
    return Array.from({ length: count }, () => `${this.count++} attack attack\n`).join('');
  }

  *#shift(): Generator<void> {
    for (let i = 60; i >= 1; i -= 1) {
      for (const end of ['', '.gz']) {
        if (!this.disk.has(`${logPath}.${i}${end}`)) continue;
        this.disk.rename(`${logPath}.${i}${end}`, `${logPath}.${i + 1}${end}`);
        yield;
      }
    }
  }

  *#pack(): Generator<void> {
    const path = `${logPath}.${this.#compress === 'later' ? 2 : 1}`;
    if (this.#compress === 'never' || !this.disk.has(path)) return;
    for (const share of [0, 0.5, 1]) {
      this.disk.compress(path, `${path}.gz`, share);
      yield;
    }
    this.disk.unlink(path);
    yield;
  }
}

/** What happens between two steps of the reader: so many steps of the world, so much time, and does it die then? */
export interface Between {
  readonly steps: number;
  readonly seconds: number;
  readonly dies: boolean;
}

export interface Played {
  readonly got: readonly number[];
  readonly errors: readonly string[];
  readonly steps: number;
}

/** A reader and its successors against `world`, until it has happened and nothing more comes. */
export async function play(
  log: ModelLog,
  world: Iterator<void>,
  between: (what: string) => Between,
  takes: (lines: number) => number = (lines) => lines,
): Promise<Played> {
  const got: number[] = [];
  const errors: string[] = [];
  let position: string | undefined;
  let steps = 0;
  let isOver = false;
  for (let isAlive = false; !isAlive; ) {
    const life = new AbortController();
    const { promise: death, resolve: die } = Promise.withResolvers<'dead'>();
    let idle = 0;
    const step = (what: string) => {
      // a file that is rotated away before the first position was saved is not looked for
      if (position === undefined) return 'go on';
      steps += 1;
      const next = between(what);
      log.disk.now += next.seconds;
      for (let i = 0; i < next.steps && !isOver; i += 1) isOver = world.next().done === true;
      if (next.dies && !isOver) die('dead');
      return next.dies && !isOver ? 'die' : 'go on';
    };
    const wait = () => {
      if (position !== undefined) isOver ||= world.next().done === true;
      if (!isOver) return;
      idle += 1;
      log.disk.now += 61;
      if (idle > 4) life.abort();
    };
    const { disk, close } = log.disk.port(step, wait);
    // that the file is gone for a moment may be told: the clock jumps
    const onError = ({ code, message }: EdgebanError) => void (code === 'ERR_SOURCE_MISSING' || errors.push(message));
    const ports = { now: () => log.disk.now, onError };
    const sink = async (batch: Batch) => {
      if (isOver) idle = 0;
      const count = takes(batch.lines.length);
      const place = count < batch.lines.length ? batch.takeOnly(count) : batch.position;
      if (step('commit') === 'die') await new Promise(() => undefined);
      got.push(
        ...[...batch.lines].slice(0, count).map(({ bytes }) => Number.parseInt(Buffer.from(bytes).toString(), 10)),
      );
      position = place;
      if (step('committed') === 'die') await new Promise(() => undefined);
    };
    const ended = createFileSource({ path: logPath, position }, ports, disk).run(sink, life.signal);
    isAlive = (await Promise.race([ended.then(() => 'ended'), death])) === 'ended';
    close();
  }
  return { got, errors, steps };
}

/** Lines that did not come once: what was lost, and what came twice. */
export function flaws({ got }: Played, count: number): { lost: number[]; twice: number[] } {
  const times = new Map<number, number>();
  for (const line of got) times.set(line, (times.get(line) ?? 0) + 1);
  const lost = Array.from({ length: count }, (_, i) => i).filter((i) => !times.has(i));
  return { lost, twice: [...times].filter(([, n]) => n > 1).map(([line]) => line) };
}
