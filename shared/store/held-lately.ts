/** Bans in force that were read lately: of an address that goes on attacking the ban is asked for again and again. */
import type { Ban } from '../ticket.ts';

/** Of the matched lines and captures of all of them; beyond it all are forgotten. */
const chars_max = 8 * 1024 * 1024;
const bans_max = 20_000;

export class HeldLately {
  /** By jail and id. */
  readonly #bans = new Map<string, Map<string, Ban>>();
  #count = 0;
  #chars = 0;

  get(jail: string, id: string): Ban | undefined {
    return this.#bans.get(jail)?.get(id);
  }

  put(ban: Ban): void {
    this.drop(ban.jail, ban.id);
    this.#count += 1;
    this.#chars += charsOf(ban);
    if (this.#chars > chars_max || this.#count > bans_max) this.clear();
    else this.#in(ban.jail).set(ban.id, ban);
  }

  drop(jail: string, id: string): void {
    const ban = this.get(jail, id);
    if (ban === undefined) return;
    this.#in(jail).delete(id);
    this.#count -= 1;
    this.#chars -= charsOf(ban);
  }

  clear(): void {
    this.#bans.clear();
    this.#count = 0;
    this.#chars = 0;
  }

  #in(jail: string): Map<string, Ban> {
    const known = this.#bans.get(jail);
    if (known !== undefined) return known;
    const made = new Map<string, Ban>();
    this.#bans.set(jail, made);
    return made;
  }
}

function charsOf({ matches, groups = {} }: Ban): number {
  const texts = [...matches, ...Object.values(groups)];
  return texts.reduce((sum, text) => sum + text.length, 0);
}
