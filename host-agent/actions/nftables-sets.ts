/** The sets that hold a jail's bans: their elements are changed by what is told, and read back. */
import { isSingle, parsePrefix } from '../../shared/address.ts';
import { isOver, type UnixTime, type Until } from '../../shared/time.ts';
import type { Block, Change, Outcome } from './action.ts';
import type { Conntrack } from './conntrack.ts';
import type { Nft } from './nft.ts';
import type { ElementChange } from './nft-script.ts';
import type { PlannedSet } from './nftables-plan.ts';
import { readBlocks } from './nftables-state.ts';
import { difference, type Ends, type Limits, outermost, sortChanges } from './wanted.ts';

/** nft lists whole seconds; the time that the listing takes comes on top. */
const END_TOLERANCE_S = 2;
/** One more network costs 0.2 s at 50,000 in a set. */
const NETWORKS_MAX = 50_000;
/** To look for one takes as long: beyond, that is left to the next reading. */
const NETWORKS_LOOKED_FOR_MAX = 1_000;
/** What ends so soon may have run out in the kernel already. */
const ENDING_S = 5;

export interface NftablesPorts {
  /** Shared by all jails of the process: it is what makes batches. */
  readonly nft: Nft;
  /** Ends what a banned address has open, where `kill-mode` asks for it. Left out: nothing is ended (an import's bridge). */
  readonly conntrack?: Conntrack;
  now(): UnixTime;
}

function* additions(blocks: Iterable<Block>): Generator<Change> {
  for (const { address, until } of blocks) yield { kind: 'add', address, until };
}

export class NftablesSets {
  readonly #sets: readonly PlannedSet[];
  readonly #ports: NftablesPorts;
  /** All networks that are wanted, those inside others too; the set holds the outermost. */
  #networks: Ends;

  /** `held`: what is known to be in them. */
  constructor(sets: readonly PlannedSet[], ports: NftablesPorts, held: readonly Block[] = []) {
    this.#sets = sets;
    this.#ports = ports;
    this.#networks = sortChanges(additions(held), new Map(), this.#limits()).networks;
  }

  /** By the difference to what `sets` hold; the others hold nothing yet. */
  async fit(wanted: readonly Block[], sets: readonly PlannedSet[]): Promise<readonly Outcome[]> {
    const began = this.#ports.now();
    const there = await this.read(sets);
    const { singles: goal, networks, refused } = sortChanges(additions(wanted), new Map(), this.#limits());
    this.#networks = networks;
    for (const [address, until] of outermost(networks)) goal.set(address, until);
    const tolerance_s = END_TOLERANCE_S + Math.max(0, this.#ports.now() - began);
    return [...refused, ...(await this.#change(difference(there, goal, tolerance_s), there))];
  }

  async apply(changes: readonly Change[]): Promise<readonly Outcome[]> {
    const before = outermost(this.#networks);
    const { singles, gone, networks, refused } = sortChanges(changes, this.#networks, this.#limits());
    this.#networks = networks;
    const ofSingles: Change[] = [...singles].map(([address, until]) => ({ kind: 'add', address, until }));
    for (const address of gone) ofSingles.push({ kind: 'delete', address });
    const ofNetworks = difference(before, outermost(networks), 0);
    return [...refused, ...(await this.#change([...ofSingles, ...ofNetworks]))];
  }

  async holds(address: string): Promise<boolean> {
    const prefix = parsePrefix(address);
    const sets = this.#sets.filter(({ version, networks }) => {
      return version === prefix?.family && (networks || isSingle(prefix));
    });
    return await this.#ports.nft.exclusively(async (session) => {
      for (const set of sets) if (await session.has(set, address)) return true;
      return false;
    });
  }

  /** Does the kernel have these, as far as that can be asked quickly? */
  haveEach(sample: readonly Block[]): Promise<boolean> {
    const outer = this.#networks.size > NETWORKS_LOOKED_FOR_MAX ? new Map() : outermost(this.#networks);
    const soon = this.#ports.now() + ENDING_S;
    const elements = sample.flatMap(({ address, until }) => {
      const set = this.#setOf(address);
      const isAsked = !isOver(until, soon) && (set?.networks === false || outer.has(address));
      return set === undefined || !isAsked ? [] : [{ set, element: address }];
    });
    return this.#ports.nft.hasEach(elements);
  }

  read(sets = this.#sets): Promise<Map<string, Until>> {
    return this.#ports.nft.exclusively(async (session) => {
      const ends = new Map<string, Until>();
      for (const set of sets)
        for (const { address, until } of await readBlocks(session, set, this.#ports.now)) ends.set(address, until);
      return ends;
    });
  }

  #limits(): Limits {
    return { versions: this.#sets.map((set) => set.version), networks_max: NETWORKS_MAX, now: this.#ports.now() };
  }

  /** `listed`: what the sets hold, if that was just read. */
  async #change(changes: readonly Change[], listed?: Ends): Promise<readonly Outcome[]> {
    const elements = changes.map((change) => this.#elementOf(change, listed)).filter((element) => element !== null);
    const errors = await this.#ports.nft.change(elements);
    const shut = elements.filter(({ kind }, i) => kind === 'add' && (errors[i] ?? null) === null);
    // nobody waits for it: from now on none of their packets passes anyway
    void this.#ports.conntrack?.kill(shut.map(({ element }) => element));
    return elements.flatMap((element, i) => {
      const error = errors[i] ?? null;
      return error === null ? [] : [{ address: element.element, error }];
    });
  }

  #elementOf(change: Change, listed: Ends | undefined): ElementChange | null {
    const set = this.#setOf(change.address);
    if (set === undefined) return null;
    if (change.kind === 'delete') return { set, kind: 'delete', element: change.address };
    const timeout_s = change.until === null ? null : change.until - this.#ports.now();
    const fresh = listed !== undefined && !listed.has(change.address);
    return { set, kind: 'add', element: change.address, timeout_s, fresh };
  }

  #setOf(address: string): PlannedSet | undefined {
    const prefix = parsePrefix(address);
    if (prefix === null) return undefined;
    const single = isSingle(prefix);
    return this.#sets.find((one) => one.version === prefix.family && one.networks !== single);
  }
}
