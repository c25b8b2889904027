/** What a document tells its reader to do: commands to run, files to write, and what he is thought to have. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** Line of the document, counted from 1. */
interface Placed {
  readonly line: number;
}

export type Block = Placed &
  (
    | {
        readonly kind: 'commands';
        readonly text: string;
        readonly stdin: string | null;
        readonly exempt: string | null;
      }
    | { readonly kind: 'file'; readonly path: string; readonly text: string }
    /** Something of the reader's own that the document cannot hold: `<!-- given: a name -->`. */
    | { readonly kind: 'given'; readonly name: string }
    /** Shown, and nothing to do. */
    | { readonly kind: 'shown' }
  );

/** The documents for users, with their paths in the checkout. */
export function documents(): string[] {
  const inFolder = readdirSync(join(checkout, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...inFolder.map((name) => `docs/${name}`)];
}

export const textOf = (document: string): string => readFileSync(join(checkout, document), 'utf8');

/** What a reader sees before the text of a file: where it goes. */
const into = /^Into `(\/[^`]+)`:$/;

/**
 * The blocks of a document in their order. ```` ```sh ```` is run; what stands after "Into `/etc/some/file`:" is written there. A comment
 * before a block says of it: `stdin: NAME` (what is typed in), `tested by FILE` (it is run by another test).
 */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  let said: string[] = [];
  let path: string | undefined;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const comment = /^<!-- (.*) -->$/.exec(line)?.[1];
    const fence = /^```(.*)$/.exec(line)?.[1];
    if (comment?.startsWith('given: ') === true) blocks.push({ kind: 'given', line: at + 1, name: comment.slice(7) });
    else if (comment !== undefined) said.push(comment);
    else if (fence !== undefined) {
      const end = lines.indexOf('```', at + 1);
      if (end < 0) throw new Error(`line ${at + 1}: a block without an end`);
      blocks.push(blockOf(fence, { line: at + 1, said, path, text: `${lines.slice(at + 1, end).join('\n')}\n` }));
      at = end;
      said = [];
      path = undefined;
    } else if (line.trim() !== '') {
      said = [];
      path = into.exec(line)?.[1];
    }
  }
  return blocks;
}

interface Fenced extends Placed {
  readonly said: readonly string[];
  readonly path: string | undefined;
  readonly text: string;
}

function blockOf(language: string, { line, said, path, text }: Fenced): Block {
  if (/\s/.test(language)) throw new Error(`line ${line}: what stands behind the language is not shown to the reader`);
  const told = (word: string) => said.find((each) => each.startsWith(word))?.slice(word.length) ?? null;
  if (language === 'sh') return { kind: 'commands', line, text, stdin: told('stdin: '), exempt: told('tested by ') };
  if (path !== undefined) return { kind: 'file', line, path, text };
  return { kind: 'shown', line };
}
