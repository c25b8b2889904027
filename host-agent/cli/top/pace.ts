/** How fast things happen: of counts that were taken again and again, so many a second within the last seconds. */
import type { Watch } from '../../control/watch.ts';

const window_s = 10;

interface Sample {
  readonly at: number;
  /** What was counted since the sample before, by jail. */
  readonly grown: ReadonlyMap<string, Pace>;
}

export interface Pace {
  readonly failures: number;
  readonly bans: number;
}

export class Paces {
  #last: Watch | null = null;
  #samples: Sample[] = [];

  /** Counts of another daemon begin anew. */
  note(watch: Watch): void {
    const last = this.#last?.started === watch.started ? this.#last : null;
    if (last === null) this.#samples = [];
    const grown = last === null ? new Map() : new Map(watch.jails.map((jail) => [jail.jail, growthOf(jail, last)]));
    this.#samples = [...this.#samples.filter(({ at }) => watch.now - at <= window_s), { at: watch.now, grown }];
    this.#last = watch;
  }

  /** A second; null: nobody knows yet. */
  of(jail: string): Pace | null {
    const [first, ...later] = this.#samples;
    const seconds = (later.at(-1)?.at ?? 0) - (first?.at ?? 0);
    if (later.length === 0 || seconds <= 0) return null;
    const sum = (key: keyof Pace) => later.reduce((all, { grown }) => all + (grown.get(jail)?.[key] ?? 0), 0);
    return { failures: sum('failures') / seconds, bans: sum('bans') / seconds };
  }

  /** Of all jails together. */
  get all(): Pace | null {
    const paces = (this.#last?.jails ?? []).flatMap(({ jail }) => this.of(jail) ?? []);
    if (paces.length === 0) return null;
    const sum = (key: keyof Pace) => paces.reduce((all, pace) => all + pace[key], 0);
    return { failures: sum('failures'), bans: sum('bans') };
  }
}

/** A jail that was restarted counts from nothing. */
function growthOf({ jail, failures, bans }: Watch['jails'][number], last: Watch): Pace {
  const before = last.jails.find((other) => other.jail === jail);
  if (before === undefined) return { failures: 0, bans: 0 };
  const grown = (now: number, then: number) => (now < then ? now : now - then);
  return { failures: grown(failures, before.failures), bans: grown(bans, before.bans) };
}
