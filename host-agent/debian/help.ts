/** Reads what a program's --help prints: for its manual page and its completion. */

export interface Entry {
  /** `-c, --conf DIR`, `set JAIL banip IP ...` */
  readonly term: string;
  readonly text: string;
}

/** The entries under a heading: lines indented by 2 to 8 columns, with two columns or a new line before their text. */
export function entriesOf(help: string, heading: string): Entry[] {
  const lines = help.split('\n');
  const start = lines.indexOf(heading) + 1;
  const entries: { term: string; text: string }[] = [];
  for (const line of start === 0 ? [] : lines.slice(start)) {
    if (line.trim() === '') break;
    const [, indent = '', term = '', text = ''] = /^( *)(\S.*?)(?: {2,}(\S.*))?$/.exec(line) ?? [];
    const last = entries.at(-1);
    if (indent.length <= 8) entries.push({ term, text });
    else if (last !== undefined) last.text = `${last.text} ${term}`.trim();
  }
  return entries;
}

/** `-c, --conf DIR` → `-c`, `--conf`. */
export function optionsIn(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ term }) => term.split(/[ ,=]+/).filter((word) => /^-+\w/.test(word)));
}

/** Words that may stand first; after `set JAIL`, `get JAIL`; after `set`, `get` themselves. */
export interface Words {
  readonly first: readonly string[];
  readonly after: Readonly<Record<string, readonly string[]>>;
}

export function wordsOf(commands: readonly Entry[]): Words {
  const first = new Set<string>();
  const after = new Map<string, Set<string>>();
  for (const { term } of commands) {
    const [command = '', ...rest] = term.split(' ');
    first.add(command);
    const isOfJail = rest[0] === 'JAIL' && rest.length > 1;
    const key = isOfJail ? `${command} JAIL` : command;
    const found = isOfJail ? rest.slice(1) : rest;
    const words = after.get(key) ?? new Set();
    for (const word of isOfJail || isDoor(command) ? found.slice(0, 1) : []) {
      for (const one of word.split('|')) if (!/[A-Z]/.test(one)) words.add(one);
    }
    for (const word of found.join(' ').split(/[\s[\]|]+/)) if (word.startsWith('--')) words.add(word);
    after.set(key, words);
  }
  return { first: [...first], after: Object.fromEntries([...after].map(([key, words]) => [key, [...words]])) };
}

/** `set loglevel`, `get dbfile`: words of the server's own stand in the jail's place. */
function isDoor(command: string): boolean {
  return command === 'set' || command === 'get';
}
