/** What nothing needs: files that no program reaches, exported names that nobody else uses. */
import { basename } from 'node:path';
import type { Source } from './source.ts';
import { resolve, type TextFile } from './tree.ts';

/** What is started or loaded by name. */
const programs = [
  ...[
    'host-agent/main.ts',
    'host-agent/debian/package.ts',
    'worker/index.ts',
    'dashboard/main.tsx',
    'dashboard/build.ts',
  ],
];
const isProduct = (path: string) => /^(shared|host-agent|worker|dashboard)\//.test(path);

/** Loaded by a name that is put together: vitest.config.ts, `sql-${runtime}.ts`. */
const named: ReadonlySet<string> = new Set(['test/both/sql-workerd.ts']);

/**
 * A file of the product must be reached from one of the programs; tests alone do not keep it alive. Any other must
 * be imported, or named in another file (a program that is spawned).
 */
export function deadFiles(files: readonly TextFile[], sources: readonly Source[]): string[] {
  const reached = reachable(sources, programs);
  const imported = new Set(sources.flatMap(targets));
  return files
    .filter(({ path }) => /\.(tsx?|py)$/.test(path) && !/\.(test|d)\.ts$/.test(path))
    .filter(({ path }) => {
      if (isProduct(path)) return !reached.has(path);
      return !imported.has(path) && !named.has(path) && !isNamed(path, files);
    })
    .map(({ path }) => `${path}: nothing needs it${isProduct(path) ? ' (tests do not count)' : ''}`);
}

function isNamed(path: string, files: readonly TextFile[]): boolean {
  // Python names a module without its end
  const name = basename(path, '.py');
  return files.some((file) => file.path !== path && file.text.includes(name));
}

function targets({ path, imports }: Source): string[] {
  return imports.flatMap(({ from }) => resolve(path, from) ?? []);
}

function reachable(sources: readonly Source[], from: readonly string[]): ReadonlySet<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const waiting = [...from];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    waiting.push(...targets(source));
  }
  return reached;
}

/** Exported values that only their own file uses. Types may be exported for their names' sake, limits for the docs'. */
export function lonelyExports(sources: readonly Source[]): string[] {
  const taken = new Map<string, Set<string>>();
  for (const { path, imports } of sources)
    for (const { from, names } of imports) {
      const target = resolve(path, from) ?? '';
      taken.set(target, new Set([...(taken.get(target) ?? []), ...names]));
    }
  return sources
    .filter(({ path }) => isProduct(path) && !programs.includes(path) && !path.endsWith('.d.ts'))
    .flatMap(({ path, exports }) => {
      const names = taken.get(path);
      return exports
        .filter(({ name, typeOnly }) => !typeOnly && !name.endsWith('Limits') && !names?.has(name) && !names?.has('*'))
        .map(({ name, line }) => `${path}:${line}: ${name} is exported, but nobody else uses it`);
    });
}
