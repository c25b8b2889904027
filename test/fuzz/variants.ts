/** The filters that are compared, each with all its modes and log types, and lines that they know. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A filter with options, as a jail would ask for it. */
export interface Variant {
  /** The folder in which filter.d stands. */
  readonly base: string;
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
  /** Lines of logs that the filter is for, in their order. */
  readonly lines: readonly string[];
}

const own = new URL('../../host-agent/etc/', import.meta.url).pathname;
const ownSamples = new URL('../samples/', import.meta.url).pathname;
const logtypes = ['short', 'journal', 'rfc5424'];

/** fail2ban's own filters, those of its tests, and ours. */
export function variantsOf(checkout: string): Variant[] {
  const stock = join(checkout, 'config');
  const tests = join(checkout, 'fail2ban/tests/config');
  return [
    ...namesIn(stock).flatMap((name) => filterVariants(stock, name, logLines(checkout, name))),
    ...namesIn(tests)
      .filter((name) => name.startsWith('zzz-'))
      .flatMap((name) => filterVariants(tests, name, logLines(checkout, name))),
    ...namesIn(own).flatMap((name) =>
      filterVariants(own, name, [...sampleLines(name), ...logLines(checkout, name === 'sshd-kex' ? 'sshd' : name)]),
    ),
  ];
}

/** The filters of somebody else's tree that are not fail2ban's own. Their lines are made from their regexes. */
export function variantsIn(tree: string, checkout: string): Variant[] {
  const textOf = (base: string, name: string) => {
    const path = join(base, 'filter.d', `${name}.conf`);
    return existsSync(path) ? readFileSync(path, 'latin1') : null;
  };
  return namesIn(tree)
    .filter((name) => textOf(tree, name) !== textOf(join(checkout, 'config'), name))
    .flatMap((name) => filterVariants(tree, name, []));
}

function namesIn(base: string): string[] {
  const files = readdirSync(join(base, 'filter.d')).filter((file) => file.endsWith('.conf'));
  return files
    .map((file) => file.slice(0, -'.conf'.length))
    .filter((name) => !name.endsWith('common'))
    .toSorted();
}

/** A log is a file or a folder of files; what begins with # is fail2ban's own note. */
function logLines(checkout: string, name: string): string[] {
  const path = join(checkout, 'fail2ban/tests/files/logs', name);
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

function sampleLines(name: string): string[] {
  const path = join(ownSamples, `${name}.txt`);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !/^(?:[#@+]|-(?: |$))/.test(line));
}

function filterVariants(base: string, name: string, lines: readonly string[]): Variant[] {
  const text = readFileSync(join(base, 'filter.d', `${name}.conf`), 'utf8');
  const withFile = text.includes('before = common.conf') ? logtypes : [];
  const choices = [
    {},
    ...optionsOf(text, 'mode').map((mode) => ({ mode })),
    ...withFile.map((logtype) => ({ logtype })),
    ...optionsOf(text, 'mode').flatMap((mode) => withFile.map((logtype) => ({ mode, logtype }))),
    ...(text.includes('apache-common.conf') ? [{ logging: 'syslog' }] : []),
    ...(text.includes('<publickey>') ? ['any', 'invalid', 'nofail'].map((publickey) => ({ publickey })) : []),
  ];
  return choices.map((options) => ({ base, name, options, lines }));
}

/** The names NAME for which a filter has `x-NAME = ` to its `<x-<mode>>`. */
function optionsOf(text: string, option: string): string[] {
  const stems = [...text.matchAll(new RegExp(`<([\\w-]+-)<${option}>>`, 'g'))].map(([, stem]) => stem ?? '');
  const names = stems.flatMap((stem) =>
    [...text.matchAll(new RegExp(`^${stem}(\\w+)\\s*=`, 'gm'))].map(([, name]) => name ?? ''),
  );
  return [...new Set(names)];
}
