/** Node for the machine that a package is for: its official binary and headers, and a way to run it on this machine. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError, run, say } from './commands.ts';
import { sysroot } from './sysroot.ts';
import { isForeign, type Target } from './target.ts';

const lockFile = fileURLToPath(new URL('../../package-lock.json', import.meta.url));

/** The folder of the npm package with it. npm installs that of this machine; another's is fetched once, as the lock file has it. */
export function nodeDirOf(target: Target, cache: string): string {
  const name = `node-linux-${target.node}`;
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return isForeign(target) ? fetched(name, cache) : refuse(name);
  }
}

function refuse(name: string): never {
  throw new BuildError(`the npm package ${name} is not installed: npm install --no-save --force ${name}@24`);
}

function fetched(name: string, cache: string): string {
  const { version, integrity } = locked(name);
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  say(`fetching ${name} ${version}`);
  const draft = mkdtempSync(`${folder}.`);
  try {
    run('npm', ['pack', '--silent', `${name}@${version}`], { cwd: draft });
    const [file = ''] = readdirSync(draft);
    const digest = createHash('sha512')
      .update(readFileSync(join(draft, file)))
      .digest('base64');
    if (integrity !== `sha512-${digest}`) throw new BuildError(`${file} is not what package-lock.json says`);
    run('tar', ['-xzf', file], { cwd: draft });
    renameSync(join(draft, 'package'), folder);
  } finally {
    rmSync(draft, { recursive: true });
  }
  return folder;
}

function locked(name: string): { version: string; integrity: string } {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'));
  const entry = packages[`node_modules/${name}`];
  if (entry === undefined) throw new BuildError(`package-lock.json has no ${name}`);
  return { version: String(entry.version), integrity: String(entry.integrity) };
}

/** A program that runs the packed `node` here; `scratch` is where it may be written. */
export function runnerOf(node: string, target: Target, cache: string, scratch: string): string {
  if (!isForeign(target)) return node;
  mkdirSync(scratch, { recursive: true });
  const file = join(scratch, 'node');
  writeFileSync(file, `#!/bin/sh\nexec ${target.emulator} -L '${sysroot(cache, target)}' '${node}' "$@"\n`, {
    mode: 0o755,
  });
  return file;
}
