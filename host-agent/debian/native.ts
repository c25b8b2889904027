/** The compiled parts: re2 and sd-notify, built so that they load on the oldest Debian. */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError, run, say } from './commands.ts';
import { sysroot } from './sysroot.ts';
import { oldest, type Target } from './target.ts';

const here = fileURLToPath(new URL('./native/', import.meta.url));
const require = createRequire(import.meta.url);

const flags = {
  c: ['-O2', '-fPIC', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-D_GNU_SOURCE'],
  warnings: ['-Wall', '-Wextra', '-Werror', '-std=c11'],
  cxx: '-O2 -g0 -ffunction-sections -fdata-sections -fstack-protector-strong',
  // another libstdc++ than Node's own: nothing of it may be seen outside
  link: ['-static-libstdc++'],
};

const versionScript = `-Wl,--version-script=${join(here, 'exports.map')}`;

export interface NativeFiles {
  readonly re2: string;
  readonly sdNotify: string;
  readonly giveBack: string;
}

interface Toolchain {
  readonly target: Target;
  /** Node's headers, and the folder that node-gyp takes. */
  readonly nodeDir: string;
  readonly compile: readonly string[];
  readonly link: readonly string[];
  /** Folders of the host's C++ headers: a sysroot hides them. */
  readonly cxxHeaders: readonly string[];
}

/** Builds what the cache does not have. `nodeDir` is the npm package with Node's binary and headers for the target. */
export function nativeFiles(cache: string, target: Target, nodeDir: string): NativeFiles {
  const tools = toolchain(cache, target, nodeDir);
  const folder = join(cache, `native-${target.debian}-${keyOf(tools, cache)}`);
  const giveBack = join(
    cache,
    `give-back-${target.debian}-${keyOf(tools, cache, ['exports.map', 'give-back.c'])}.node`,
  );
  const built = { re2: join(folder, 're2.node'), sdNotify: join(folder, 'sd-notify.node'), giveBack };
  if (!existsSync(folder)) build(tools, folder);
  if (!existsSync(giveBack)) buildAddon(tools, 'give-back', giveBack);
  for (const file of Object.values(built)) refuseNewSymbols(tools, file);
  return built;
}

/** In one step, whoever else builds the same at the same time. */
function build(tools: Toolchain, folder: string): void {
  const draft = mkdtempSync(`${folder}.`);
  buildAddon(tools, 'sd-notify', join(draft, 'sd-notify.node'));
  buildRe2(tools, draft);
  if (existsSync(folder)) rmSync(draft, { recursive: true });
  else renameSync(draft, folder);
}

function toolchain(cache: string, target: Target, nodeDir: string): Toolchain {
  const root = sysroot(cache, target);
  const libraries = join(root, 'usr/lib', target.triplet);
  return {
    target,
    nodeDir,
    cxxHeaders: cxxHeaders(target),
    compile: [`--sysroot=${root}`],
    // the compiler's own folders come before the sysroot's otherwise, and this machine's C library with them
    link: [`--sysroot=${root}`, `-B${libraries}`, `-L${libraries}`, '-Wl,-s,--gc-sections,-z,relro,-z,now'],
  };
}

function compiler(target: Target, name: 'gcc' | 'g++' | 'objdump'): string {
  return `${target.triplet}-${name}`;
}

function cxxHeaders(target: Target): string[] {
  const said = run('sh', ['-c', `${compiler(target, 'g++')} -E -v -x c++ /dev/null 2>&1`]);
  const found = said.split('\n').filter((line) => /^ \/\S*\/c\+\+\//.test(line));
  if (found.length === 0) throw new BuildError(`${compiler(target, 'g++')} does not say where its headers are`);
  return found.map((line) => line.trim());
}

/** All that the result depends on; where the checkout and the cache are is not among it. */
function keyOf(
  { target, nodeDir, compile, link, cxxHeaders: headers }: Toolchain,
  cache: string,
  sources = ['compat.c', 'exports.map', 'sd-notify.c'],
): string {
  const hash = createHash('sha256');
  hash.update(run(compiler(target, 'g++'), ['--version']));
  hash.update(JSON.stringify([compile, link, headers, flags]).replaceAll(cache, ''));
  for (const name of sources) hash.update(readFileSync(join(here, name)));
  for (const file of [require.resolve('re2/package.json'), join(nodeDir, 'package.json')])
    hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/** In one step, too. */
function buildAddon(tools: Toolchain, name: string, file: string): void {
  say(`compiling ${name}`);
  const draft = `${file}.${process.pid}`;
  const headers = `-I${join(tools.nodeDir, 'include/node')}`;
  const sources = [...tools.compile, headers, join(here, `${name}.c`)];
  const output = ['-shared', ...tools.link, ...flags.link, versionScript, '-o', draft];
  run(compiler(tools.target, 'gcc'), [...flags.c, ...flags.warnings, ...sources, ...output]);
  renameSync(draft, file);
}

/** By re2's own node-gyp, in a copy: the checkout's is for this machine. */
function buildRe2(tools: Toolchain, folder: string): void {
  say('compiling re2 for the package (two minutes and more, once)');
  const modules = dirname(dirname(require.resolve('re2/package.json')));
  mkdirSync(join(modules, '.cache'), { recursive: true });
  const copy = mkdtempSync(join(modules, '.cache/edgeban-re2-'));
  cpSync(join(modules, 're2'), copy, { recursive: true, filter: (path) => path !== join(modules, 're2/build') });
  const compat = join(folder, 'compat.o');
  const gcc = compiler(tools.target, 'gcc');
  run(gcc, [...flags.c, ...tools.compile, '-c', join(here, 'compat.c'), '-o', compat]);
  const headers = tools.cxxHeaders.map((path) => `-isystem ${path}`);
  const env = {
    CC: [gcc, ...tools.compile].join(' '),
    CXX: [compiler(tools.target, 'g++'), ...tools.compile, ...headers].join(' '),
    CXXFLAGS: flags.cxx,
    LDFLAGS: [...tools.link, ...flags.link, versionScript, compat].join(' '),
    npm_config_nodedir: tools.nodeDir,
  };
  const gyp = [require.resolve('node-gyp/bin/node-gyp.js'), '-j', 'max', `--arch=${tools.target.node}`, 'rebuild'];
  run(process.execPath, gyp, { cwd: copy, env });
  copyFileSync(join(copy, 'build/Release/re2.node'), join(folder, 're2.node'));
  rmSync(compat);
  rmSync(copy, { recursive: true });
}

/** What a newer C library than the oldest one's would be needed for. */
function refuseNewSymbols({ target }: Toolchain, file: string): void {
  const lacking = newSymbols(run(compiler(target, 'objdump'), ['-T', file]));
  if (lacking.length > 0) {
    throw new BuildError(`${file} would not load with glibc ${oldest.glibc.join('.')}: it wants ${lacking.join(', ')}`);
  }
}

/** In `objdump -T`'s words: symbols of a newer glibc, and those that no library of the oldest Debian has. */
export function newSymbols(table: string): string[] {
  const undefinedSymbols = table.split('\n').filter((line) => /\*UND\*/.test(line) && !/^\S+\s+w/.test(line));
  return undefinedSymbols.flatMap((line) => {
    const [name = '', version = ''] = line.trim().split(/\s+/).reverse();
    const glibc = /GLIBC_(\d+)\.(\d+)/.exec(version);
    if (glibc !== null) return isNewer(Number(glibc[1]), Number(glibc[2])) ? [name] : [];
    const isNodes = /^(_ZNK?2v8|_ZN4node|napi_|node_)/.test(name);
    return isNodes || version.includes('GCC_') ? [] : [name];
  });
}

function isNewer(major: number, minor: number): boolean {
  const [oldMajor, oldMinor] = oldest.glibc;
  return major > oldMajor || (major === oldMajor && minor > oldMinor);
}
