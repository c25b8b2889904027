/** What a visitor may write never has somebody else banned: pieces of whole log lines in the place of names and agents. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytesOf } from './kit.ts';
import { readSamples, type Sample, sampleNow, samplesDir, shippedFilter, somebodyElse } from './shipped.ts';

/** Words of the samples that are the visitor's own choice wherever they stand. */
const visitorsWords = ['joe@example.com', 'joe', 'root', 'admin', 'nobody', 'User', 'Mozilla/5.0', 'curl/8.14.1'];

/** How a daemon writes a visitor's quotes and backslashes; as they come, if it is not here. */
const escapes: Readonly<Record<string, (text: string) => string>> = {
  apache: (text) => text.replace(/["\\]/g, '\\$&'),
  nginx: (text) => text.replaceAll('\\', '\\x5C').replaceAll('"', '\\x22'),
  json: (text) => JSON.stringify(text).slice(1, -1),
};

function escapeOf(file: string, text: string): (piece: string) => string {
  if (text.startsWith('{')) return escapes['json'] ?? String;
  if (file.startsWith('apache')) return escapes['apache'] ?? String;
  const isAccessLog = /^(?:[\d.]+|[\da-f:]+) - .*\[/.test(text);
  return isAccessLog && file !== 'traefik.txt' ? (escapes['nginx'] ?? String) : String;
}

/** As many as a quick test can try, spread over all there are. */
const pieces_max = 60;

/** Pieces of the line between two word boundaries that name somebody else. */
function evilPieces(line: string): string[] {
  const marks = [0, ...[...line.matchAll(/(?<=[\s"'()[\]<>,:=])|(?=[\s"'()[\]<>,:=])/g)].map(({ index }) => index)];
  const bounds = [...new Set([...marks, line.length])];
  const pieces = bounds.flatMap((start, at) => bounds.slice(at + 1).map((end) => line.slice(start, end)));
  const evil = pieces.filter((piece) => piece.includes(somebodyElse));
  const stride = Math.ceil(evil.length / pieces_max);
  return evil.filter((_, index) => index % stride === 0);
}

const forgeable = (file: string) =>
  readSamples(file).filter(({ failure, text, options }) => {
    return failure !== null && options === '' && !text.includes(somebodyElse);
  });

describe.each(readdirSync(samplesDir))('%s', (file) => {
  it('bans nobody else', () => {
    for (const sample of forgeable(file)) {
      for (const word of visitorsWords.filter((one) => sample.text.includes(one)).slice(0, 1)) forge(sample, word);
    }
  });

  function forge({ text, failure, where }: Sample, word: string): void {
    const filter = shippedFilter(file.replace(/\.txt$/, ''), '');
    const written = escapeOf(file, text);
    // The address as the line has it: `failure.id` is its canonical form.
    const evil = text.replaceAll(failure?.id ?? '', somebodyElse);
    for (const piece of evilPieces(evil)) {
      for (const name of [piece, `x${piece}`, `${piece}x`]) {
        const forged = text.replaceAll(word, () => written(name));
        const { failures } = filter.process({ bytes: bytesOf(forged) }, sampleNow, 'unchecked');
        const others = failures.filter(({ id }) => id !== failure?.id);
        expect(others, `${where}: ${forged}`).toEqual([]);
      }
    }
  }
});
