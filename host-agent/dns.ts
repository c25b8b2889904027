/** Names in log lines to addresses: cached, bounded, and never in the way of the next line. */
import { lookup } from 'node:dns/promises';
import { canonical } from '../shared/address.ts';

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
  addresses: readonly string[] | null;
  readonly until_ms: number;
}

async function systemLookup(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/** Names that do not resolve, or for which there is no room, have no addresses. */
export class Resolver {
  readonly #lookup: Lookup;
  readonly #now_ms: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(now_ms: () => number, lookupName: Lookup = systemLookup) {
    this.#now_ms = now_ms;
    this.#lookup = lookupName;
  }

  /** What is known now; starts asking where nothing is. */
  known(name: string): readonly string[] | 'pending' {
    return this.#entry(name)?.addresses ?? (this.#entries.has(name) ? 'pending' : []);
  }

  async addresses(name: string): Promise<readonly string[]> {
    return (await this.#entry(name)?.answer) ?? [];
  }

  #entry(name: string): Entry | null {
    const known = this.#entries.get(name);
    if (known !== undefined && known.until_ms > this.#now_ms()) return known;
    if (this.#waiting.length >= dnsLimits.waiting_max || name.length > dnsLimits.name_chars_max) {
      this.#entries.delete(name);
      return null;
    }
    const entry: Entry = { answer: this.#ask(name), addresses: null, until_ms: this.#now_ms() + dnsLimits.kept_ms };
    void entry.answer.then((addresses) => {
      entry.addresses = addresses;
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
      const found = (await this.#lookup(name)).map(canonical).filter((address) => address !== null);
      return [...new Set(found)].slice(0, dnsLimits.addresses_max);
    } catch {
      // no such name, or no resolver: nobody to ban
      return [];
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
