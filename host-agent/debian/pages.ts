/** The manual pages and the completion: written by hand, with options and commands as the programs print them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Entry, entriesOf, optionsIn, wordsOf } from './help.ts';

const drafts = fileURLToPath(new URL('./man/', import.meta.url));
const completionDraft = fileURLToPath(new URL('./edgeban/edgeban.bash-completion', import.meta.url));

/** What `PROGRAM --help` prints. */
export type HelpOf = (program: string) => string;

export interface PageFacts {
  readonly version: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly helpOf: HelpOf;
}

/** By path below usr/share/man, without `.gz`. */
export function manualPages(facts: PageFacts): Record<string, string> {
  const names = readdirSync(drafts).filter((name) => /\.\d$/.test(name));
  return Object.fromEntries(names.map((name) => [`man${name.at(-1)}/${name}`, page(name, facts)]));
}

function page(name: string, { version, epoch, helpOf }: PageFacts): string {
  const help = /^@(options|commands|usage)@$/m.test(draft(name)) ? helpOf(name.slice(0, -2)) : '';
  return draft(name)
    .replace(/^@options@$/m, () => list(entriesOf(help, 'Options:')))
    .replace(/^@commands@$/m, () => list(entriesOf(help, 'Command:')))
    .replace(/^@usage@$/m, () => `.nf\n${roff(help)}\n.fi`)
    .replaceAll('@version@', version)
    .replaceAll('@date@', new Date(epoch * 1000).toISOString().slice(0, 10));
}

function draft(name: string): string {
  return readFileSync(join(drafts, name), 'utf8');
}

function list(entries: readonly Entry[]): string {
  return entries.map(({ term, text }) => `.TP\n.B ${roff(term)}\n${roff(text)}`).join('\n');
}

/** As text: roff's own marks are taken from it, and a hyphen of an option can be copied from the page. */
export function roff(text: string): string {
  const plain = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...');
  return plain.replace(/^(?=[.'])/gm, '\\&');
}

/** For bash, with the words that the client's help names. */
export function completion(helpOf: HelpOf): string {
  const client = helpOf('edgeban-client');
  const { first, after } = wordsOf(entriesOf(client, 'Command:'));
  const cases = Object.entries(after)
    .filter(([, words]) => words.length > 0)
    .map(([key, words]) => `    '${key}') echo '${words.join(' ')}' ;;`);
  return readFileSync(completionDraft, 'utf8')
    .replace('@options@', optionsIn(entriesOf(client, 'Options:')).join(' '))
    .replace('@regex-options@', optionsIn(entriesOf(helpOf('edgeban-regex'), 'Options:')).join(' '))
    .replace('@commands@', first.join(' '))
    .replace('    @after@', cases.join('\n'));
}
