/** Lines that a filter's own regexes ask for: with them, a filter of which no log is known can be compared, too. */
import { parsePattern } from '../../shared/filter/regex/parse.ts';
import { expandTags, localFlags } from '../../shared/filter/tags.ts';
import type { Random } from '../filter/random-dates.ts';
import { Random as TextRandom } from '../filter/regex/random-regex.ts';
import { sample } from '../filter/regex/sample-text.ts';
import type { Conf } from './oracle.ts';

/** What fail2ban's own groups are for; the bodies of their regexes would seldom make an address. */
const values: Readonly<Record<string, readonly string[]>> = {
  ip4: ['192.0.2.1', '198.51.100.7', '203.0.113.9'],
  ip6: ['2001:db8::1', '::1', '2001:db8:0:0:0:0:0:5'],
  dns: ['example.com', 'host-1.example.net'],
  cidr: ['24', '32', '0'],
};

/** Before what a regex has: DATE becomes a date at random. */
const begins = ['DATE ', 'DATE ', 'DATE ', '[DATE] ', '[DATE]: ', 'DATE host app[1]: ', ''];

/** Some lines for each failregex, in an order in which sessions may follow each other. Empty for regexes that are broken. */
export function generatedLines(conf: Conf, random: Random): string[] {
  const text = new TextRandom(random.int(0, 2 ** 31 - 1));
  return conf.failregex
    .flatMap((regex) => Array.from({ length: 3 }, () => message(conf, regex, text)))
    .flatMap((one) => dated(one, random).split('\n'))
    .filter((line) => line.trim() !== '');
}

function message({ prefregex }: Conf, regex: string, random: TextRandom): string {
  const content = textFor(regex, random);
  return prefregex === undefined ? content : textFor(prefregex, random, content);
}

function textFor(regex: string, random: TextRandom, content?: string): string {
  const tree = parsed(regex);
  if (tree === null) return content ?? '';
  const names = new Map([...tree.names].map(([name, index]) => [index, name]));
  return sample(tree.root, random, (group) => {
    const name = names.get(group) ?? '';
    if (name === 'content') return content;
    const known = values[name];
    return known?.[random.next(known.length)];
  });
}

/** Null for what fail2ban refuses, or we do: the comparison tells. */
function parsed(regex: string) {
  try {
    return parsePattern(localFlags(expandTags(regex, true)));
  } catch {
    return null;
  }
}

/** At the begin as a rule; an access log has its date further on. */
function dated(line: string, { next, pick }: Random): string {
  const gaps = [...line.matchAll(/ |\[\]|(?<=\[)(?=\])/g)];
  if (next() < 0.7 || gaps.length === 0) return pick(begins) + line;
  const { index } = pick(gaps);
  return `${line.slice(0, index)} [DATE] ${line.slice(index)}`;
}
