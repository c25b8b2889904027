/** A line of `-i` as words, by the shell's quotes. */
import { usage } from './options.ts';

/** Throws ERR_USAGE for a quote without its end. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  const piece = /\s+|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)|([\s\S])/g;
  for (const [whole, single, double, escaped, plain, odd] of line.matchAll(piece)) {
    if (odd !== undefined) throw usage(odd === '\\' ? 'No escaped character' : 'No closing quotation');
    const text: string | undefined = single ?? double?.replace(/\\(["\\])/g, '$1') ?? escaped ?? plain;
    if (text !== undefined) word = (word ?? '') + text;
    else if (word !== null && whole.trim() === '') {
      words.push(word);
      word = null;
    }
  }
  return word === null ? words : [...words, word];
}
