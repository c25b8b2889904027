/** What the regexes of a filter catch, by numbers instead of names: lines are many, names few. */

/** What a group caught: a text, the parts of a tuple id, or null where it took no part in the match. */
export type GroupValue = string | readonly (string | null)[] | null;

/** At the number of each group what it caught; undefined where no regex has said anything of it. */
export type Caught = (GroupValue | undefined)[];

/** The groups that mean something to fail2ban. */
export const slot = {
  mlfid: 0,
  nofail: 1,
  mlfforget: 2,
  mlfgained: 3,
  user: 4,
  fid: 5,
  ip4: 6,
  ip6: 7,
  dns: 8,
  cidr: 9,
  content: 10,
} as const;

/** The names of the groups of one filter. */
export class GroupNames {
  readonly #numbers = new Map<string, number>(Object.entries(slot));

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  /** Room for what is caught. */
  none(): Caught {
    return new Array<GroupValue | undefined>(this.#numbers.size);
  }

  /** By their names: those of `order` first, in that order. */
  record(caught: Caught, order: readonly number[]): Record<string, GroupValue> {
    const names = [...this.#numbers.keys()];
    const record: Record<string, GroupValue> = {};
    for (const number of [...order, ...names.keys()]) {
      const value = caught[number];
      const name = names[number];
      if (value !== undefined && name !== undefined) record[name] = value;
    }
    return record;
  }
}

/** Took part in the match and caught something: what Python calls true. */
export function isSet(value: GroupValue | undefined): boolean {
  return value !== undefined && value !== null && value.length > 0;
}

/** A group's value as a text: a tuple as Python prints it. */
export function textOfValue(value: NonNullable<GroupValue>): string {
  if (typeof value === 'string') return value;
  return `(${value.map((part) => (part === null ? 'None' : pythonQuoted(part))).join(', ')})`;
}

function pythonQuoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
