/** Which files make up one configuration, and in which order: later ones win. */
import { EdgebanError } from '../errors.ts';
import { configError, type Finding, findingOf } from './finding.ts';
import { type IniFile, parseIni } from './ini.ts';
import { interpolated } from './interpolation.ts';

/** The files of the machine, as the configuration needs them. Paths are as the configuration spells them. */
export interface ConfigFiles {
  /** The text of a file (UTF-8); null if it is not there. Throws EdgebanError if it cannot be read or is not UTF-8. */
  read(path: string): string | null;
  /** The names in a folder, in any order; none if it is not there. */
  list(dir: string): readonly string[];
}

export const configLimits = {
  /** Files that one configuration may be made of, each inclusion counted. */
  files_max: 1000,
  file_chars_max: 4_000_000,
} as const;

/** Parsed files by path, so that what many filters include is read once; null is a file that is not there. */
export interface FileCache {
  readonly files: ConfigFiles;
  readonly parsed: Map<string, IniFile | null>;
  /** What was wrong with whole files. */
  readonly findings: Finding[];
}

export function openFiles(files: ConfigFiles): FileCache {
  return { files, parsed: new Map(), findings: [] };
}

export function joinPath(dir: string, name: string): string {
  if (name.startsWith('/') || dir === '') return name;
  return dir.endsWith('/') ? dir + name : `${dir}/${name}`;
}

/** The folder of a path; empty for one without a folder. */
function dirOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? path.slice(0, slash + 1) : path.slice(0, slash);
}

/**
 * The files of the configuration `base` (a path without ending) with all that they include: X.conf, X.d/*.conf, X.local,
 * X.d/*.local. None if there is no such configuration.
 */
export function readInOrder(cache: FileCache, base: string): IniFile[] {
  const names = [...cache.files.list(`${base}.d`)].filter((name) => !name.startsWith('.')).sort();
  const drops = (ending: string) => names.filter((name) => name.endsWith(ending)).map((name) => `${base}.d/${name}`);
  const paths = [`${base}.conf`, ...drops('.conf'), `${base}.local`, ...drops('.local')];
  const order: IniFile[] = [];
  include(
    cache,
    paths.filter((path) => parsedFile(cache, path) !== null),
    [],
    order,
  );
  return order;
}

/** Appends each of `paths`, with what it includes around it and its .local sibling behind it. */
function include(cache: FileCache, paths: readonly string[], ancestors: readonly string[], order: IniFile[]): void {
  for (const path of withLocals(cache, paths)) {
    const file = parsedFile(cache, path);
    if (file === null) continue;
    const inside = [...ancestors, path];
    include(cache, includesOf(file, 'before', ancestors), inside, order);
    if (order.length >= configLimits.files_max) {
      throw configError(
        'ERR_CONFIG_LIMIT',
        `more than ${configLimits.files_max} files are included`,
        { file: path, line: 1 },
        'include less',
      );
    }
    order.push(file);
    include(cache, includesOf(file, 'after', ancestors), inside, order);
  }
}

function withLocals(cache: FileCache, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const local = `${withoutEnding(path)}.local`;
    return paths.includes(local) || parsedFile(cache, local) === null ? [path] : [path, local];
  });
}

function withoutEnding(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') + 1 ? path.slice(0, dot) : path;
}

/** The paths of one [INCLUDES] option, without those that would close a loop. */
function includesOf(file: IniFile, option: 'before' | 'after', ancestors: readonly string[]): string[] {
  if (!file.sections.get('INCLUDES')?.has(option)) return [];
  const value = interpolated(file, 'INCLUDES', option);
  const paths = (value?.text ?? '').split('\n').filter((name) => name !== '');
  return paths.map((name) => joinPath(dirOf(file.path), name)).filter((path) => !ancestors.includes(path));
}

/** A file that is there but cannot be used is reported once, and then is as if it were not there (as in fail2ban). */
function parsedFile(cache: FileCache, path: string): IniFile | null {
  const known = cache.parsed.get(path);
  if (known !== undefined) return known;
  let file: IniFile | null = null;
  try {
    const text = cache.files.read(path);
    file = text === null ? null : parseIni(limited(text, path), path);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    cache.findings.push(findingOf(error));
  }
  cache.parsed.set(path, file);
  return file;
}

function limited(text: string, path: string): string {
  if (text.length <= configLimits.file_chars_max) return text;
  throw configError(
    'ERR_CONFIG_LIMIT',
    `the file has more than ${configLimits.file_chars_max} characters`,
    { file: path, line: 1 },
    'is it a configuration file?',
  );
}
