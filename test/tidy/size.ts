/** How long a file and a function may be, and that no folder is made for one file. */
import { dirname } from 'node:path';
import type { Source } from './source.ts';
import type { TextFile } from './tree.ts';

export const file_lines_max = 300;
export const function_lines_max = 60;

/** The few that may be longer, each with its reason. One that is no longer needed is a finding. */
export type Exceptions = Readonly<Record<string, string>>;

export function longFiles(sources: readonly Source[], exceptions: Exceptions = {}): string[] {
  const long = sources.filter(({ lines }) => lines > file_lines_max);
  const unneeded = Object.keys(exceptions).filter((path) => !long.some((source) => source.path === path));
  return [
    ...long
      .filter(({ path }) => exceptions[path] === undefined)
      .map(({ path, lines }) => `${path}: ${lines} lines, more than ${file_lines_max}: split it`),
    ...unneeded.map((path) => `${path}: needs no exception any more`),
  ];
}

export function longFunctions(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, functions }) =>
    functions
      .filter(({ lines, isSuite }) => !isSuite && lines > function_lines_max)
      .map(({ name, line, lines }) => `${path}:${line}: ${name}: ${lines} lines, more than ${function_lines_max}`),
  );
}

/** fail2ban's folders have fail2ban's names, however few files stand in them. */
const dialect = 'host-agent/etc/';

export function lonelyFiles(files: readonly TextFile[]): string[] {
  const inside = files.filter(
    ({ path }) => /^(shared|host-agent|worker|dashboard)\//.test(path) && !path.startsWith(dialect),
  );
  const folders = Map.groupBy(inside, ({ path }) => dirname(path));
  return [...folders]
    .filter(([folder, its]) => its.length === 1 && !inside.some(({ path }) => dirname(dirname(path)) === folder))
    .map(([folder, its]) => `${folder}/: a folder for one file (${its[0]?.path})`);
}
