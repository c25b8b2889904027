/** `npm run package`: builds the Debian packages into dist/. `-- --arch amd64|arm64`, `-- --revision N` (1), `-- --fast` (large). */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { version } from '../version.ts';
import { BuildError, isOnPath, run, say } from './commands.ts';
import { companion, type Edition, edgeban } from './contents.ts';
import { writeDeb } from './deb.ts';
import { nativeFiles } from './native.ts';
import { nodeDirOf, runnerOf } from './node.ts';
import { writePrograms } from './programs.ts';
import { isForeign, type Target, targets } from './target.ts';
import { Tree } from './tree.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const dist = join(checkout, 'dist');

interface Order {
  readonly target: Target;
  readonly edition: Edition;
  readonly compression: number;
}

function orderOf(args: readonly string[]): Order {
  const options = {
    arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    revision: { type: 'string', default: '1' },
    fast: { type: 'boolean', default: false },
  } as const;
  const { arch, revision, fast } = parseArgs({ args: [...args], options }).values;
  const target = targets.find(({ debian }) => debian === arch);
  if (target === undefined) throw new BuildError(`--arch ${arch}: amd64 or arm64`);
  refuseWithoutTools(target);
  if (!/^[a-z0-9.+~]+$/i.test(revision)) throw new BuildError(`--revision ${revision}: letters, digits, . + ~`);
  return {
    target,
    compression: fast ? 0 : 6,
    edition: { version: `${version}-${revision}`, architecture: target.debian, epoch: epochOf() },
  };
}

/** Of another machine's kind: what compiles for it and what runs it, for the programs are run while they are packed. */
function refuseWithoutTools(target: Target): void {
  if (!isForeign(target)) return;
  const needed = { [`${target.triplet}-g++`]: `g++-${target.triplet}`, [target.emulator]: 'qemu-user-static' };
  const missing = Object.keys(needed).filter((program) => !isOnPath(program));
  if (missing.length === 0) return;
  const packages = missing.map((program) => needed[program]?.replace('_', '-')).join(' ');
  throw new BuildError(`--arch ${target.debian}: ${missing.join(' and ')} missing here: apt-get install ${packages}`);
}

/** When this version was made: the last commit's time, so that two builds of it are the same. */
function epochOf(): number {
  const told = process.env['SOURCE_DATE_EPOCH'];
  if (told !== undefined) return Number(told);
  try {
    return Number(run('git', ['-C', checkout, 'log', '-1', '--format=%ct']));
  } catch {
    return 1_790_000_000;
  }
}

function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'edgeban/package');
}

async function buildAll(order: Order, scratch: string): Promise<string[]> {
  const { target, edition } = order;
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const nodeDir = nodeDirOf(target, cache);
  const native = nativeFiles(cache, target, nodeDir);
  const main = new Tree(join(scratch, 'edgeban'));
  const lib = join(main.root, 'usr/lib/edgeban');
  const node = runnerOf(join(lib, 'node'), target, cache, join(scratch, 'run'));
  await writePrograms({ lib, target, nodeDir, native, node });
  const helpOf = (program: string) => run(node, [join(lib, 'host-agent/main.js'), program, '--help']);
  const old = new Tree(join(scratch, 'edgeban-fail2ban'));
  const control = edgeban(main, edition, nodeDir, helpOf);
  const controlOfOld = companion(old, edition);
  return [pack(main, target.debian, control, order), pack(old, 'all', controlOfOld, order)];
}

function pack(tree: Tree, architecture: string, control: Record<string, string>, order: Order): string {
  const { edition, compression } = order;
  const name = `${basename(tree.root)}_${edition.version}_${architecture}.deb`;
  say(`packing ${name}`);
  tree.settle();
  const file = join(dist, name);
  const size_kib = writeDeb({ root: tree.root, control, file, epoch: edition.epoch, compression });
  say(`${name}: ${Math.round(size_kib / 1024)} MiB installed`);
  return file;
}

async function main(): Promise<void> {
  const order = orderOf(process.argv.slice(2));
  const scratch = mkdtempSync(join(tmpdir(), 'edgeban-package-'));
  try {
    if (!existsSync(dist)) mkdirSync(dist);
    for (const file of await buildAll(order, scratch)) process.stdout.write(`${file}\n`);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
