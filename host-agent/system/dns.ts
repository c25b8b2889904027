/** Names in log lines to addresses: cached, bounded, and never in the way of the next line. */
import { lookup, lookupService } from 'node:dns/promises';
import { canonical } from '../../shared/address.ts';

export const dnsLimits = {
  names_max: 2_000,
  lookups_at_once_max: 8,
  waiting_max: 500,
  /** fail2ban keeps a name as long. */
  kept_ms: 300_000,
  addresses_max: 32,
  name_chars_max: 253,
} as const;

type Lookup = (name: string) => Promise<readonly string[]>;

interface Entry {
  readonly answer: Promise<readonly string[]>;
  found: readonly string[] | null;
  readonly until_ms: number;
}

async function systemLookup(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

async function systemReverse(address: string): Promise<readonly string[]> {
  return [(await lookupService(address, 0)).hostname];
}

/** Names that do not resolve, or for which there is no room, have no addresses; and the other way round. */
export class Resolver {
  readonly #forward: Lookups;
  readonly #reverse: Lookups;

  constructor(now_ms: () => number, lookupName: Lookup = systemLookup, lookupAddress: Lookup = systemReverse) {
    const addresses = async (name: string) => {
      const found = (await lookupName(name)).map(canonical).filter((address) => address !== null);
      return [...new Set(found)].slice(0, dnsLimits.addresses_max);
    };
    this.#forward = new Lookups(now_ms, addresses);
    this.#reverse = new Lookups(now_ms, lookupAddress);
  }

  /** What is known now; starts asking where nothing is. */
  known(name: string): readonly string[] | 'pending' {
    return this.#forward.known(name);
  }

  addresses(name: string): Promise<readonly string[]> {
    return this.#forward.answer(name);
  }

  /** The host name of an address; null if it has none. */
  async nameOf(address: string): Promise<string | null> {
    return (await this.#reverse.answer(address))[0] ?? null;
  }
}

/** Questions and their answers: few at once, each kept for a while. */
class Lookups {
  readonly #lookup: Lookup;
  readonly #now_ms: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(now_ms: () => number, lookup: Lookup) {
    this.#now_ms = now_ms;
    this.#lookup = lookup;
  }

  known(name: string): readonly string[] | 'pending' {
    return this.#entry(name)?.found ?? (this.#entries.has(name) ? 'pending' : []);
  }

  async answer(name: string): Promise<readonly string[]> {
    return (await this.#entry(name)?.answer) ?? [];
  }

  #entry(name: string): Entry | null {
    const known = this.#entries.get(name);
    if (known !== undefined && known.until_ms > this.#now_ms()) return known;
    if (this.#waiting.length >= dnsLimits.waiting_max || name.length > dnsLimits.name_chars_max) {
      this.#entries.delete(name);
      return null;
    }
    const entry: Entry = { answer: this.#ask(name), found: null, until_ms: this.#now_ms() + dnsLimits.kept_ms };
    void entry.answer.then((found) => {
      entry.found = found;
    });
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > dnsLimits.names_max && oldest.done !== true) this.#entries.delete(oldest.value);
    return entry;
  }

  async #ask(name: string): Promise<readonly string[]> {
    if (this.#running >= dnsLimits.lookups_at_once_max)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      return await this.#lookup(name);
    } catch {
      // no such name, or no resolver: nobody to ban
      return [];
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
