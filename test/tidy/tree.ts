/** The checkout's own files: what git would keep, without asking git (a copy without its history has house rules, too). */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readSource, type Source } from './source.ts';

export interface TextFile {
  /** From the checkout's root. */
  readonly path: string;
  readonly text: string;
  readonly isExecutable: boolean;
}

/** As in .gitignore. */
const foreign = new Set(['.git', 'node_modules', '.wrangler', 'dist']);
const file_bytes_max = 4_000_000;

export function readTree(root: string, folder = ''): TextFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (foreign.has(entry.name)) return [];
    if (entry.isDirectory()) return readTree(root, path);
    // the programs are links to one launcher
    if (!(entry.isFile() || entry.isSymbolicLink()) || entry.name.endsWith('.log') || entry.name === '.dev.vars')
      return [];
    const { mode, size } = statSync(join(root, path));
    if (size > file_bytes_max) throw new Error(`${path} has ${size} bytes: it does not belong into the repository`);
    return [{ path, text: readFileSync(join(root, path), 'utf8'), isExecutable: (mode & 0o111) !== 0 }];
  });
}

export function sourcesOf(files: readonly TextFile[]): Source[] {
  return files.filter(({ path }) => /\.tsx?$/.test(path)).map(({ path, text }) => readSource(path, text));
}

/** The path from the root that a relative import leads to; null for packages. */
export function resolve(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? join(from, '..', specifier) : null;
}
