/** What a look at a firewall tells of one action: its own lines, the addresses in them, and what else stands there. */
import { canonical } from '../../shared/address.ts';

/** The lines in which `word` stands by itself; without a word all of them are the action's. */
export function ownLines(text: string, word: string): string {
  if (word === '') return text;
  const lines: string[] = [];
  // found and not split: others may have tens of thousands of lines
  for (let at = text.indexOf(word); at !== -1; ) {
    const end = endOfLine(text, at);
    const isWord = isBlank(text[at - 1]) && isBlank(text[at + word.length]);
    if (isWord) lines.push(text.slice(text.lastIndexOf('\n', at) + 1, end));
    at = text.indexOf(word, isWord ? end : at + 1);
  }
  return lines.join('\n');
}

/** All addresses and networks in it, in canonical form. */
export function addressesIn(text: string): Set<string> {
  const words = text.match(/[\da-f:.]*[.:][\da-f:.]*(?:\/\d{1,3})?/gi) ?? [];
  return new Set(words.flatMap((word) => canonical(word) ?? []));
}

/** The lines that name none of the addresses: what a check looks for is among them. */
export function frameOf(text: string, addresses: ReadonlySet<string>): string {
  const others = text.split('\n').filter((line) => ![...addressesIn(line)].some((address) => addresses.has(address)));
  return others.join('\n');
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

function isBlank(character: string | undefined): boolean {
  return character === undefined || /\s/.test(character);
}
