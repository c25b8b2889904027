/** Configuration trees for tests: in memory, and on disk. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ConfigFiles } from '../../shared/config/read-order.ts';

/** Text by path. */
export type Tree = Readonly<Record<string, string>>;

export function filesIn(tree: Tree): ConfigFiles {
  const paths = Object.keys(tree);
  return {
    read: (path) => tree[path] ?? null,
    list: (dir) => {
      const prefix = dir.endsWith('/') ? dir : `${dir}/`;
      const inside = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
      return [...new Set(inside.map((path) => path.split('/')[0] ?? ''))];
    },
  };
}

export const diskFiles: ConfigFiles = {
  read: (path) => orNull(() => readFileSync(path, 'utf8')),
  list: (dir) => orNull(() => readdirSync(dir)) ?? [],
};

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(String(error.code)))
      return null;
    throw error;
  }
}
