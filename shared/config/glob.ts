/** Shell patterns in paths, as Python's glob takes them: `*`, `?`, `[abc]`; a leading dot has to be written. */
import { type ConfigFiles, joinPath } from './read-order.ts';

export const globLimits = { paths_max: 10_000 } as const;

/** The paths that match, sorted. A path without a pattern in it is given back if it is there. */
export function glob(files: Pick<ConfigFiles, 'list'>, pattern: string): string[] {
  const parts = pattern.split('/').filter((part) => part !== '');
  if (parts.length === 0) return [];
  let paths = [pattern.startsWith('/') ? '/' : ''];
  for (const part of parts) {
    const matches = matcherOf(part);
    paths = paths.flatMap((dir) => {
      if (part === '.' || part === '..') return [joinPath(dir, part)];
      return [...files.list(dir === '' ? '.' : dir)].filter(matches).map((name) => joinPath(dir, name));
    });
    paths = paths.slice(0, globLimits.paths_max);
  }
  return paths.sort();
}

function matcherOf(part: string): (name: string) => boolean {
  if (!/[*?[]/.test(part)) return (name) => name === part;
  const source = part.replace(/\*+|\?|\[!?\]?[^\]]*\]|[\s\S]/g, (piece) => {
    if (piece.startsWith('*')) return '.*';
    if (piece === '?') return '.';
    if (piece.length > 1) return classOf(piece.slice(1, -1));
    return piece.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  const pattern = new RegExp(`^${source}$`, 's');
  return (name) => (part.startsWith('.') || !name.startsWith('.')) && pattern.test(name);
}

function classOf(inside: string): string {
  const negated = inside.startsWith('!');
  const chars = (negated ? inside.slice(1) : inside).replace(/[\\\]^[]/g, '\\$&');
  return negated ? `[^${chars}]` : `[${chars}]`;
}
