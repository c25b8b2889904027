/** Reads fail2ban's journalmatch and the options of its systemd backend into arguments for journalctl. */
import { EdgebanError } from '../../shared/errors.ts';

const TERMS_MAX = 200;

/** Bits of journalflags, as sd_journal_open has them. */
const LOCAL_ONLY = 1;
const SYSTEM = 4;
const CURRENT_USER = 8;
const KNOWN_FLAGS = LOCAL_ONLY | SYSTEM | CURRENT_USER;

/**
 * `A=1 B=2 + C=3`: terms of the same field or, of different fields and, `+` or. Several lines or. Quotes and backslashes
 * as in a shell. Throws ERR_JOURNAL_MATCH.
 */
export function matchArguments(lines: readonly string[]): string[] {
  const groups = lines.flatMap((line) => groupsOf(words(line))).filter((group) => group.length > 0);
  if (groups.flat().length > TERMS_MAX) throw badMatch(`more than ${TERMS_MAX} terms`);
  return groups.flatMap((group, i) => (i === 0 ? group : ['+', ...group]));
}

/** The line of these terms. */
export function matchLine(terms: readonly string[]): string {
  return terms.map(quotedTerm).join(' ');
}

function quotedTerm(term: string): string {
  return /[\s"'\\]/.test(term) ? `"${term.replace(/["\\]/g, '\\$&')}"` : term;
}

function groupsOf(terms: readonly string[]): string[][] {
  const groups: string[][] = [[]];
  for (const term of terms) {
    if (term === '+') groups.push([]);
    else if (/^[A-Z0-9_]{1,64}=[^\0]*$/.test(term)) groups.at(-1)?.push(term);
    else throw badMatch(`${JSON.stringify(term.slice(0, 80))} is no FIELD=value`);
  }
  return groups;
}

function words(line: string): string[] {
  const found: string[] = [];
  const piece = /\s+|"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|([^\s"'\\]+)/suy;
  let word: string | null = null;
  while (piece.lastIndex < line.length) {
    const match = piece.exec(line);
    if (match === null) throw badMatch(`a quote without its end in ${JSON.stringify(line.slice(0, 80))}`);
    const [, double, single, escaped, plain] = match;
    const text: string | undefined = double?.replace(/\\(["\\])/g, '$1') ?? single ?? escaped ?? plain;
    if (text !== undefined) word = (word ?? '') + text;
    else if (word !== null) found.push(word);
    if (text === undefined) word = null;
  }
  return word === null ? found : [...found, word];
}

function badMatch(why: string): EdgebanError {
  const remedy = 'write it like _SYSTEMD_UNIT=ssh.service + _COMM=sshd';
  return new EdgebanError('ERR_JOURNAL_MATCH', `journalmatch: ${why}`, { remedy });
}

/**
 * `systemd[journalpath=,journalfiles=,journalflags=,namespace=,rotated=]`; fail2ban's default is the system's journal.
 * Throws ERR_JOURNAL_OPTION.
 */
export function journalArguments(options: Readonly<Record<string, string>>): string[] {
  const { journalpath, journalfiles, journalflags, namespace, rotated, ...unknown } = options;
  const [key] = Object.keys(unknown);
  if (key !== undefined) throw badOption(key, 'is not known', 'journalpath, journalfiles, journalflags, namespace are');
  if (rotated !== undefined && !/^(1|on|true|yes)$/i.test(rotated)) {
    const remedy = 'leave it out: rotated files are read as far as is needed to lose nothing';
    throw badOption('rotated', `= ${JSON.stringify(rotated)} is not supported`, remedy);
  }
  const args: string[] = [];
  if (journalpath !== undefined) args.push(`--directory=${pathOf('journalpath', journalpath)}`);
  const files = journalfiles?.split(/[\s,]+/).filter((file) => file !== '') ?? [];
  args.push(...files.map((file) => `--file=${pathOf('journalfiles', file)}`));
  if (namespace !== undefined) args.push(`--namespace=${namespaceOf(namespace)}`);
  if (journalflags !== undefined) args.push(...flagArguments(journalflags));
  else if (journalpath === undefined && files.length === 0) args.push(...flagArguments(String(SYSTEM)));
  return args;
}

function flagArguments(value: string): string[] {
  const flags = /^\d{1,3}$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (Number.isNaN(flags) || (flags & ~KNOWN_FLAGS) !== 0) {
    throw badOption('journalflags', `= ${JSON.stringify(value)} is not supported`, 'use a sum of 1, 4 and 8');
  }
  const args = (flags & LOCAL_ONLY) === 0 ? ['--merge'] : [];
  if ((flags & SYSTEM) !== 0) args.push('--system');
  if ((flags & CURRENT_USER) !== 0) args.push('--user');
  return args;
}

function pathOf(option: string, value: string): string {
  if (value.startsWith('/') && !value.includes('\0')) return value;
  throw badOption(option, `= ${JSON.stringify(value)} is no path from the root`, 'begin it with /');
}

function namespaceOf(value: string): string {
  if (/^[+]?[A-Za-z0-9][A-Za-z0-9_.-]*$|^\*$/.test(value)) return value;
  throw badOption('namespace', `= ${JSON.stringify(value)} is no namespace`, 'use a name, +NAME or *');
}

function badOption(option: string, why: string, remedy: string): EdgebanError {
  return new EdgebanError('ERR_JOURNAL_OPTION', `backend = systemd[…]: ${option} ${why}`, { remedy });
}
