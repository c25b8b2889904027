/** Bans in force that were read lately: of an address that goes on attacking the ban is asked for again and again. */
import type { Ban } from '../ticket.ts';

/** Of the matched lines and captures of all of them; beyond it all are forgotten. */
const chars_max = 8 * 1024 * 1024;
const bans_max = 20_000;

export class HeldLately {
  readonly #bans = new Map<string, Ban>();
  #chars = 0;

  get(jail: string, id: string): Ban | undefined {
    return this.#bans.get(keyOf(jail, id));
  }

  put(ban: Ban): void {
    this.drop(ban.jail, ban.id);
    this.#chars += charsOf(ban);
    if (this.#chars > chars_max || this.#bans.size >= bans_max) this.clear();
    else this.#bans.set(keyOf(ban.jail, ban.id), ban);
  }

  drop(jail: string, id: string): void {
    const key = keyOf(jail, id);
    const ban = this.#bans.get(key);
    if (ban === undefined) return;
    this.#bans.delete(key);
    this.#chars -= charsOf(ban);
  }

  clear(): void {
    this.#bans.clear();
    this.#chars = 0;
  }
}

function keyOf(jail: string, id: string): string {
  return `${jail}\n${id}`;
}

function charsOf({ matches, groups = {} }: Ban): number {
  const texts = [...matches, ...Object.values(groups)];
  return texts.reduce((sum, text) => sum + text.length, 0);
}
