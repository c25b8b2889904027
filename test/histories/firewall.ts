/** A host's kernel as actions see it: sets of addresses with time-outs, which outlive the agent. */
import type { Action, Block, Change } from '../../host-agent/actions/action.ts';
import { addressOf } from '../../host-agent/agent/court.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Ban } from '../../shared/ticket.ts';
import { isOver, type UnixTime, type Until } from '../../shared/time.ts';

const gone = new EdgebanError('ERR_ACTION_GONE', 'the set is not there any more');

/** An agent looks this late whether what was lost is there again, or what nft refused is taken now. */
const mended_s = 90;

export class Firewall {
  #isBroken = false;
  /** Until then it may hold something else than its agent wants. */
  #doubtedUntil: UnixTime = 0;
  readonly #sets = new Map<string, Map<string, Until>>();
  readonly #now: () => UnixTime;

  constructor(now: () => UnixTime) {
    this.#now = now;
  }

  /** Does nft refuse everything? */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  set isBroken(isBroken: boolean) {
    if (this.#isBroken !== isBroken) this.#doubtedUntil = this.#now() + mended_s;
    this.#isBroken = isBroken;
  }

  /** Is it to hold what its agent wants, at this very moment? */
  get isTrue(): boolean {
    return !this.#isBroken && this.#now() > this.#doubtedUntil;
  }

  /** What is blocked now, sorted. */
  blocked(jail: string): string[] {
    const now = this.#now();
    return [...(this.#sets.get(jail) ?? [])]
      .flatMap(([address, until]) => (isOver(until, now) ? [] : [address]))
      .sort();
  }

  get jails(): string[] {
    return [...this.#sets.keys()];
  }

  /** As `nft flush ruleset`. */
  flush(): void {
    this.#sets.clear();
    this.#doubtedUntil = this.#now() + mended_s;
  }

  sweep(used: readonly string[]): string[] {
    const unused = this.jails.filter((jail) => !used.includes(jail));
    for (const jail of unused) this.#sets.delete(jail);
    return unused;
  }

  /** Of a jail that does not run. */
  lift(jail: string, bans: readonly Ban[]): readonly [] {
    for (const ban of bans) this.#sets.get(jail)?.delete(addressOf(ban) ?? '');
    return [];
  }

  action(jail: string): Action {
    const guard = () => {
      if (this.isBroken) throw new EdgebanError('ERR_NFT_REFUSED', 'nft refuses');
    };
    const set = () => this.#sets.get(jail);
    const list = () => [...(set() ?? [])].map(([address, until]): Block => ({ address, until }));
    return {
      name: 'memory',
      reconcile: async (wanted) => {
        guard();
        this.#sets.set(jail, new Map(wanted.map(({ address, until }) => [address, until])));
        return [];
      },
      apply: async (changes) => {
        guard();
        const there = set();
        if (there === undefined) return changes.map(({ address }) => ({ address, error: gone }));
        for (const change of changes) carryOut(there, change);
        return [];
      },
      isThere: async () => {
        guard();
        return set() !== undefined;
      },
      list: async () => list(),
      holds: async (address) => list().some((block) => block.address === address),
      close: async ({ flush }) => {
        if (flush) this.#sets.delete(jail);
      },
    };
  }
}

function carryOut(set: Map<string, Until>, change: Change): void {
  if (change.kind === 'add') set.set(change.address, change.until);
  else set.delete(change.address);
}
