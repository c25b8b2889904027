/** The documents themselves: every command is run by a test, every link leads somewhere. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { blocksOf, documents, textOf } from './blocks.ts';
import { walked } from './walked.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const walkedDocuments: readonly string[] = walked;

test('a document is read as its reader reads it', () => {
  const text = [
    '<!-- given: the key -->',
    'Into `/etc/x.conf`:',
    '',
    '```ini',
    'a = 1',
    '```',
    '<!-- stdin: the key -->',
    '```sh',
    'cat',
    '```',
    'words',
    '```text',
    'shown',
    '```',
    '',
  ].join('\n');
  expect(blocksOf(text)).toEqual([
    { kind: 'given', line: 1, name: 'the key' },
    { kind: 'file', line: 4, path: '/etc/x.conf', text: 'a = 1\n' },
    { kind: 'commands', line: 8, text: 'cat\n', stdin: 'the key', exempt: null },
    { kind: 'shown', line: 12 },
  ]);
  expect(() => blocksOf('```sh\nls\n')).toThrow('line 1: a block without an end');
  expect(() => blocksOf('```ini /etc/x.conf\n```\n')).toThrow('not shown');
});

describe.each(documents())('%s', (document) => {
  const text = textOf(document);

  test('every command is run: here, or by the test that is named and names it', () => {
    for (const block of blocksOf(text)) {
      if (block.kind !== 'commands' || walkedDocuments.includes(document)) continue;
      expect(block.exempt, `${document}:${block.line} is run by no test`).not.toBeNull();
    }
    for (const block of blocksOf(text))
      if (block.kind === 'commands' && block.exempt !== null)
        for (const file of block.exempt.split(', ')) expect(existsSync(join(checkout, file)), file).toBe(true);
  });

  test('every link to a heading leads to one', () => {
    for (const [, path = '', anchor = ''] of text.matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)) {
      const file = path === '' ? join(checkout, document) : join(checkout, dirname(document), path);
      expect(anchorsOf(readFileSync(file, 'utf8')), `${document}: ${path}#${anchor}`).toContain(anchor);
    }
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );
}
