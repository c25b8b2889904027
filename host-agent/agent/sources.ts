/** The sources that run: one for each log, shared by all jails that read it. */
import { globSync } from 'node:fs';
import { codecOf } from '../../shared/config/logencoding.ts';
import { describeError } from '../../shared/errors.ts';
import type { Batch, Source } from '../sources/source.ts';
import { type JailPlan, type SourcePlan, sourceName } from './plan.ts';

interface Running {
  readonly plan: SourcePlan;
  readonly source: Source;
  readonly jails: Set<string>;
  readonly stopped: AbortController;
  ended: Promise<void>;
}

export interface SourcesParts {
  /** Makes a source that goes on where it was left. `jails` says whose findtime counts. */
  create(plan: SourcePlan, jails: readonly string[]): Source;
  /** Takes the lines for the jails that read the source. */
  take(jails: readonly string[], batch: Batch): Promise<void>;
  /** A source ended that should not have. */
  failed(name: string, reason: string): void;
}

export const sourcesLimits = {
  /** How many files one glob may bring. */
  files_per_jail_max: 1_000,
  restart_ms: 5_000,
} as const;

export class Sources {
  readonly #parts: SourcesParts;
  readonly #running = new Map<string, Running>();
  /** By jail, in the order of its logpath. */
  #files: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(parts: SourcesParts) {
    this.#parts = parts;
  }

  /** The files that a jail reads now. */
  filesOf(jail: string): readonly string[] {
    return this.#files.get(jail) ?? [];
  }

  /** Starts what is new, stops what nobody reads any more, and leaves the rest alone. */
  async follow(jails: readonly JailPlan[]): Promise<void> {
    const { sources: wanted, files } = wantedBy(jails);
    this.#files = files;
    const unwanted = [...this.#running].filter(([name, { plan }]) => isOther(plan, wanted.get(name)?.plan));
    for (const [key] of unwanted) this.#running.delete(key);
    await Promise.all(unwanted.map(([, running]) => stop(running)));
    for (const [key, { plan, readers }] of wanted) {
      const running = this.#running.get(key);
      if (running === undefined) this.#start(key, plan, readers);
      else replace(running.jails, readers);
    }
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(all.map(stop));
  }

  #start(key: string, plan: SourcePlan, readers: readonly string[]): void {
    const stopped = new AbortController();
    const source = this.#parts.create(plan, readers);
    const running: Running = { plan, source, jails: new Set(readers), stopped, ended: Promise.resolve() };
    const sink = (batch: Batch) => this.#parts.take([...running.jails], batch);
    running.ended = source.run(sink, stopped.signal).catch((error: unknown) => {
      this.#parts.failed(source.name, describeError(error));
      this.#restart(key, running);
    });
    this.#running.set(key, running);
  }

  /** What a source or the database could not bear now may pass: begin again where it was left. */
  #restart(key: string, ended: Running): void {
    const timer = setTimeout(() => {
      if (this.#running.get(key) === ended) this.#start(key, ended.plan, [...ended.jails]);
    }, sourcesLimits.restart_ms);
    ended.stopped.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }
}

async function stop(running: Running): Promise<void> {
  running.stopped.abort();
  await running.ended;
}

function isOther(plan: SourcePlan, wanted: SourcePlan | undefined): boolean {
  return wanted === undefined || (plan.kind === 'file' && wanted.kind === 'file' && plan.wake !== wanted.wake);
}

function replace(set: Set<string>, values: readonly string[]): void {
  set.clear();
  for (const value of values) set.add(value);
}

interface Wanted {
  readonly sources: Map<string, { plan: SourcePlan; readers: string[] }>;
  readonly files: Map<string, string[]>;
}

function wantedBy(jails: readonly JailPlan[]): Wanted {
  const wanted: Wanted['sources'] = new Map();
  const files: Wanted['files'] = new Map();
  for (const jail of jails) {
    const plans = sourcesOf(jail);
    files.set(
      jail.name,
      plans.flatMap((plan) => (plan.kind === 'file' ? [plan.path] : [])),
    );
    for (const plan of plans) {
      const name = sourceName(plan);
      const found = wanted.get(name);
      // one of them may want to be woken
      const both = found === undefined || (plan.kind === 'file' && plan.wake) ? plan : found.plan;
      wanted.set(name, { plan: both, readers: [...new Set([...(found?.readers ?? []), jail.name])] });
    }
  }
  return { sources: wanted, files };
}

/** A path without wildcards is followed even while there is no such file; a glob stands for the files that match now. */
function sourcesOf(jail: JailPlan): SourcePlan[] {
  if (jail.filter === null || jail.filter.failregex.length === 0) return [];
  if (jail.backend === 'systemd') {
    return [{ kind: 'journal', matches: jail.journalmatch, options: jail.journalOptions }];
  }
  const wake = jail.backend !== 'polling';
  const { wide = null } = codecOf(jail.logencoding);
  const files = jail.logpath.flatMap(({ path, tail }) => {
    const paths = /[*?[\]{}]/.test(path) ? globSync(path).sort() : [path];
    return paths.map((found): SourcePlan => ({ kind: 'file', path: found, tail, wake, wide }));
  });
  return files.slice(0, sourcesLimits.files_per_jail_max);
}
