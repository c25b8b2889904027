/** The programs in one piece: our code and its packages bundled, Node without its debug symbols, compiled code beside. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { buildDashboard } from '../../dashboard/build.ts';
import { BuildError, run, say } from './commands.ts';
import { programs } from './contents.ts';
import type { NativeFiles } from './native.ts';
import type { Target } from './target.ts';

const require = createRequire(import.meta.url);
const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const worker = fileURLToPath(new URL('../../worker/index.ts', import.meta.url));

export interface Programs {
  /** usr/lib/edgeban of the package. */
  readonly lib: string;
  readonly target: Target;
  /** Where Node's official binary is. */
  readonly nodeDir: string;
  readonly native: NativeFiles;
  /** A program that runs the packed Node on this machine. */
  readonly node: string;
}

/** Writes `lib`: node, host-agent/, worker/, dist/, native/, node_modules/re2, cache/. */
export async function writePrograms({ lib, target, nodeDir, native, node }: Programs): Promise<void> {
  say('bundling the programs');
  for (const folder of ['native', 'node_modules/re2/build/Release']) mkdirSync(join(lib, folder), { recursive: true });
  await bundle(join(lib, 'host-agent'));
  await bundleWorker(join(lib, 'worker'));
  mkdirSync(join(lib, 'dist'));
  writeFileSync(join(lib, 'dist/dashboard.json'), JSON.stringify(await buildDashboard()));
  cpSync(native.sdNotify, join(lib, 'native/sd-notify.node'));
  cpSync(native.giveBack, join(lib, 'native/give-back.node'));
  const re2 = dirname(require.resolve('re2/package.json'));
  for (const name of ['package.json', 're2.js']) cpSync(join(re2, name), join(lib, 'node_modules/re2', name));
  cpSync(native.re2, join(lib, 'node_modules/re2/build/Release/re2.node'));
  // libraries are read, not run
  const libraries = ['native/sd-notify.node', 'native/give-back.node', 'node_modules/re2/build/Release/re2.node'];
  for (const file of libraries) chmodSync(join(lib, file), 0o644);
  writeFileSync(join(lib, 'package.json'), '{ "type": "module" }\n');
  say("stripping Node's binary");
  run(`${target.triplet}-strip`, ['-o', join(lib, 'node'), join(nodeDir, 'bin/node')]);
  writeCompileCache(lib, node);
}

/** What `edgeban edge setup` hands to wrangler: one module, for workerd. */
export async function bundleWorker(folder: string): Promise<void> {
  await buildDashboard();
  await build({
    entryPoints: [worker],
    outdir: folder,
    bundle: true,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*'],
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    plugins: [englishOnly],
    logLevel: 'error',
  });
}

/** Split, so that a client loads only what it needs. */
async function bundle(folder: string): Promise<void> {
  await build({
    entryPoints: [main],
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['re2'],
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    chunkNames: '[hash]',
    // undici is CommonJS
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module';const require = requireFrom(import.meta.url);",
    },
    plugins: [englishOnly],
    logLevel: 'error',
  });
}

/** zod carries its messages in fifty languages; English stands beside them. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/** What the programs compile at their start. Good for root, whose tools they are. */
function writeCompileCache(lib: string, node: string): void {
  say('compiling ahead');
  const cache = join(lib, 'cache');
  const scratch = mkdtempSync(join(tmpdir(), 'edgeban-package-'));
  try {
    warmUp(launchers({ lib, node, folder: join(scratch, 'bin') }), scratch);
    loadAll(launchers({ lib, node, folder: join(scratch, 'all'), script: loader(join(lib, 'host-agent'), scratch) }));
  } finally {
    rmSync(scratch, { recursive: true });
  }
  // the last part is the user's number; the programs are root's
  for (const made of readdirSync(cache)) renameSync(join(cache, made), join(cache, made.replace(/-\d+$/, '-0')));
}

interface Launched {
  readonly lib: string;
  /** A program that runs the packed Node on this machine. */
  readonly node: string;
  readonly folder: string;
  /** In the place of main.js. */
  readonly script?: string;
}

/**
 * The package's own launcher under each of its names, where things are now: V8 takes compiled code only under the flags under
 * which it was made, so there is a folder of it for each set of them. Returns the path of a program.
 */
function launchers({
  lib,
  node,
  folder,
  script = join(lib, 'host-agent/main.js'),
}: Launched): (name: string) => string {
  const places = {
    '/usr/lib/edgeban/node': node,
    '/usr/lib/edgeban/host-agent/main.js': script,
    '/usr/lib/edgeban/cache': join(lib, 'cache'),
  };
  const text = Object.entries(places).reduce((launcher, [there, here]) => {
    if (!launcher.includes(`${there} `)) throw new BuildError(`the launcher does not name ${there}`);
    return launcher.replace(`${there} `, () => `'${here}' `);
  }, launcherText());
  mkdirSync(folder);
  for (const name of programs) writeFileSync(join(folder, name), text, { mode: 0o755 });
  return (name) => join(folder, name);
}

function launcherText(): string {
  return readFileSync(new URL('./edgeban/launcher', import.meta.url), 'utf8');
}

function warmUp(program: (name: string) => string, scratch: string): void {
  // a jail without actions: nothing of this touches a firewall
  const jail = 'enabled = true\nbackend = polling\nfilter =\nfailregex = ^<HOST> failed$\naction =';
  writeFileSync(join(scratch, 'log'), '2026-01-01 00:00:00 192.0.2.1 failed\n');
  writeFileSync(join(scratch, 'jail.conf'), `[warm]\n${jail}\nlogpath = ${scratch}/log\n`);
  const socket = join(scratch, 'socket');
  const places = ['-c', scratch, '-s', socket, '-p', join(scratch, 'pid'), '--dbfile', ':memory:'];
  const client = program('edgeban-client');
  // what they answer is none of our business: a client without a daemon fails
  const tries = [
    [client, ...places, 'ping'],
    [client, ...places, '-t'],
    [program('edgeban'), '--help'],
  ];
  for (const words of tries) run('sh', ['-c', '"$0" "$@" || true', ...words]);
  const said = run(program('edgeban-regex'), ['192.0.2.1 failed', '^<HOST> failed$']);
  if (!/, 1 matched,/.test(said)) throw new BuildError(`the packed edgeban-regex does not match:\n${said}`);
  const script = `"$0" "$@" & daemon=$!
    for try in $(seq 200); do "$CLIENT" -s "$SOCKET" ping && break; kill -0 $daemon || exit 1; done
    "$CLIENT" -s "$SOCKET" status; "$CLIENT" -s "$SOCKET" stop; wait $daemon`;
  const daemon = [program('edgeban-server'), ...places, '--logtarget', 'STDERR', '-f', 'start'];
  run('sh', ['-c', script, ...daemon], { env: { CLIENT: client, SOCKET: socket } });
}

/** The rest: a program that finds a piece without its cache would write one, where it is root. */
function loadAll(program: (name: string) => string): void {
  for (const name of programs) run(program(name), []);
}

function loader(folder: string, scratch: string): string {
  const pieces = readdirSync(folder).filter((name) => name.endsWith('.js') && name !== 'main.js');
  const file = join(scratch, 'all.mjs');
  writeFileSync(file, pieces.map((name) => `import ${JSON.stringify(join(folder, name))};\n`).join(''));
  return file;
}
