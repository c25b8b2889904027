/** Which files of fail2ban's configuration edgeban's needs: what the administrator wrote, and what his jails use. */
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import { textOf } from '../system/text-file.ts';

export interface PlannedFile {
  /** Below the configuration folder. */
  readonly path: string;
  readonly text: string;
  /** `new`: it will be written. `same`: it is there. `kept`: another one of that name is there, and stays. */
  readonly state: 'new' | 'same' | 'kept';
}

/** Sections of fail2ban's jail.conf go where a later file of the administrator's wins. */
const stockJails = 'jail.d/00-imported-from-fail2ban.conf';

/** Files as they are, with a note of which of them were read. */
export function notingFiles(files: ConfigFiles, read: Set<string>): ConfigFiles {
  return {
    list: (dir) => files.list(dir),
    read: (path) => {
      const text = files.read(path);
      if (text !== null) read.add(path);
      return text;
    },
  };
}

/** `used`: the paths that fail2ban's configuration was read from. `jails`: its jails that are switched on. */
export function planFiles(
  from: string,
  to: string,
  used: ReadonlySet<string>,
  jails: readonly string[],
): PlannedFile[] {
  const paths = [...used].map((path) => relative(from, path)).filter((path) => !path.startsWith('..'));
  const written = paths.filter(isOwn).map((path) => [path, textOf(join(from, path)) ?? ''] as const);
  const shipped = paths
    .filter((path) => /^(?:filter|action)\.d\/.*\.conf$/.test(path) && !isOwn(path) && textOf(join(to, path)) === null)
    .map((path) => [path, textOf(join(from, path)) ?? ''] as const);
  const sections = missingJails(from, to, jails);
  const all = [...written, ...shipped, ...(sections === '' ? [] : [[stockJails, sections] as const])];
  return all.toSorted(([one], [other]) => one.localeCompare(other)).map(([path, text]) => planned(to, path, text));
}

function planned(to: string, path: string, text: string): PlannedFile {
  const there = textOf(join(to, path));
  return { path, text, state: there === null ? 'new' : there === text ? 'same' : 'kept' };
}

/** What a package never writes, or only to say which jails are on. */
function isOwn(path: string): boolean {
  return /^jail\.(?:local$|d\/)|^(?:filter|action)\.d\/.*\.local$/.test(path);
}

/** The sections of stock jails that edgeban's jail.conf does not have, as they stand. */
function missingJails(from: string, to: string, jails: readonly string[]): string {
  const theirs = sectionsOf(textOf(join(from, 'jail.conf')) ?? '');
  const ours = sectionsOf(textOf(join(to, 'jail.conf')) ?? '');
  const missing = jails.filter((name) => theirs.has(name) && !ours.has(name));
  if (missing.length === 0) return '';
  const head = `# Jails of ${from}/jail.conf that edgeban does not ship.\n\n`;
  return head + missing.map((name) => `[${name}]\n${(theirs.get(name) ?? '').trim()}\n`).join('\n');
}

function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^\[([^\]\n]+)\][^\n]*$/m);
  const sections = new Map<string, string>();
  for (let i = 1; i < parts.length; i += 2) sections.set(parts[i] ?? '', parts[i + 1] ?? '');
  return sections;
}

/** The configuration folder `to` as it would be with the planned files. */
export function overlaid(files: ConfigFiles, to: string, plan: readonly PlannedFile[]): ConfigFiles {
  const fresh = new Map(plan.filter(({ state }) => state === 'new').map(({ path, text }) => [join(to, path), text]));
  return {
    read: (path) => fresh.get(path) ?? files.read(path),
    list: (dir) => {
      const names = [...fresh.keys()].filter((path) => dirname(path) === dir).map((path) => relative(dir, path));
      return [...new Set([...files.list(dir), ...names])];
    },
  };
}

/** Is there a configuration of fail2ban's? */
export function isFail2banFolder(dir: string): boolean {
  try {
    return readdirSync(dir).includes('jail.conf');
  } catch {
    return false;
  }
}
