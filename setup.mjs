/**
 * Gets a checkout ready: npm packages, the right Node, re2 compiled for it, Debian packages. Installs only what is
 * missing. Plain JavaScript without dependencies, for it runs before there are any, under Node 20.
 *   node setup.mjs [--for=demo|test|debian|package] [--matcher-only]
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.edgeban-setup');
const wantedNode = { major: 24, minor: 15 };

/** What the demo and the tests start, and the Debian package that has it. */
const programs = {
  nft: 'nftables',
  ip: 'iproute2',
  unshare: 'util-linux',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  journalctl: 'systemd',
  pkill: 'procps',
  ps: 'procps',
  python3: 'python3',
};
/** What only tests start. */
const programsOfTests = {
  conntrack: 'conntrack',
  chromium: 'chromium',
  faketime: 'faketime',
  iptables: 'iptables',
  ipset: 'ipset',
  ufw: 'ufw',
};
/** An ordinary user's namespaces need more than one user id: sshd gives up its privileges to another. */
const programsOfUsers = { newuidmap: 'uidmap' };
/** What builds the Debian package. */
const programsOfPackage = { 'g++': 'g++', make: 'make', python3: 'python3', objdump: 'binutils', 'dpkg-deb': 'dpkg' };
/** What boots Debian in containers. */
const programsOfDebian = {
  debootstrap: 'debootstrap',
  'systemd-nspawn': 'systemd-container',
  ip: 'iproute2',
  nsenter: 'util-linux',
  ssh: 'openssh-client',
  'dpkg-deb': 'dpkg',
  openssl: 'openssl',
};
const compilers = { 'g++': 'g++', make: 'make', python3: 'python3' };

/** One line that says what is missing and how to get it, and the end. */
class SetupError extends Error {}

const started = Date.now();

/** Progress goes to standard error: standard output belongs to the program that set-up is for. */
function say(text) {
  process.stderr.write(`set-up ${String(Math.round((Date.now() - started) / 1000)).padStart(3)} s  ${text}\n`);
}

/** Runs a command; while it works, says so every 15 s; its output is shown only if it fails. */
function run(what, command, args, options = {}) {
  say(what);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const ticking = setInterval(() => say(`${what} …`), 15_000);
    child.on('error', (error) => {
      clearInterval(ticking);
      reject(new SetupError(`${what} failed: ${error.message}`));
    });
    child.on('close', (code) => {
      clearInterval(ticking);
      if (code === 0) return resolve();
      const tail = Buffer.concat(output).toString().trimEnd().split('\n').slice(-15).join('\n');
      reject(new SetupError(`${what} failed (exit ${code}):\n${tail}`));
    });
  });
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > wantedNode.major || (major === wantedNode.major && minor >= wantedNode.minor);
}

function versionOf(node) {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'v0';
  }
}

/** The Node that npm brought, or the system's where that one is new enough. */
function chooseNode() {
  for (const node of [join(modules, '.bin/node'), process.execPath]) {
    if (existsSync(node) && isNewEnough(versionOf(node))) return node;
  }
  throw new SetupError(
    `Node ${wantedNode.major}.${wantedNode.minor} or newer is missing: npm has none for ${process.platform}-${process.arch}; install it from nodejs.org and run this again`,
  );
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function packagesAreFresh() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash();
}

async function installPackages() {
  if (packagesAreFresh()) return;
  const npm = process.env.npm_execpath;
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  // scripts stay off: only re2 needs one, and npm would run it with the wrong Node's headers. Not `npm ci`: that
  // refuses a lock file made where a registry lacks another platform's optional packages.
  const flags = [
    'install',
    '--no-save',
    '--ignore-scripts',
    '--fetch-retries=5',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await run('installing npm packages', command, [...args, ...flags]);
  writeFileSync(stamp, lockHash());
}

function matcherWorks(node) {
  try {
    execFileSync(node, ['-e', "require('re2')('a').test('a') || process.exit(1)"], { cwd: root, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Environment for building re2: our Node first on PATH, its headers, and no debug information (24 MB of it). */
function buildEnvironment(node) {
  const headers = join(modules, `node-${process.platform}-${process.arch}`);
  const bundled = existsSync(join(headers, 'include/node/node.h')) && node.startsWith(modules);
  return {
    ...process.env,
    PATH: [join(modules, '.bin'), dirname(node), process.env.PATH].join(delimiter),
    CXXFLAGS: '-O2 -g0',
    ...(bundled ? { npm_config_nodedir: headers } : {}),
  };
}

async function buildMatcher(node) {
  if (matcherWorks(node)) return;
  const options = { cwd: join(modules, 're2'), env: buildEnvironment(node) };
  if (await downloadMatcher(node, options)) return;
  await installDebianPackages(missing(compilers), 'to compile re2');
  const gyp = join(modules, 'node-gyp/bin/node-gyp.js');
  await run('compiling re2 (one to two minutes, once)', node, [gyp, '-j', 'max', 'rebuild'], options);
  if (!matcherWorks(node)) throw new SetupError(`re2 was compiled but does not load under ${versionOf(node)}`);
}

/**
 * re2's own prebuilt binary: there on most machines with internet; where it cannot be had, we compile. The program that
 * fetches it would begin to compile by itself through npm, and go on with that when its time is over: it gets no npm.
 * Whether what came is any good, we see for ourselves.
 */
async function downloadMatcher(node, { cwd, env }) {
  const fetcher = join(modules, 'install-artifact-from-github/bin/install-from-cache.js');
  const args = [fetcher, '--artifact', 'build/Release/re2.node', '--host-var', 'RE2_DOWNLOAD_MIRROR'];
  const told = { ...env, npm_package_json: join(cwd, 'package.json'), npm_execpath: 'false' };
  try {
    await run('looking for a prebuilt re2', node, args, { cwd, env: told, timeout: 30_000 });
  } catch {
    // it ends with an error in either case
  }
  return matcherWorks(node);
}

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function missing(wanted) {
  const names = Object.keys(wanted).filter((program) => !isOnPath(program));
  return [...new Set(names.map((program) => wanted[program]))];
}

function wantedPrograms(purpose) {
  if (purpose === 'package') return programsOfPackage;
  if (purpose === 'debian') return programsOfDebian;
  const wanted = purpose === 'test' ? { ...programs, ...programsOfTests } : programs;
  return process.getuid?.() === 0 ? wanted : { ...wanted, ...programsOfUsers };
}

/** What does not come at once is asked for again. */
const patient = ['-o', 'Acquire::Retries=5'];

/** Installs them where we may (root on Debian); elsewhere names them. `why` ends the sentence. */
async function installDebianPackages(packages, why) {
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) {
    const remedy = isOnPath('apt-get')
      ? `sudo apt-get install ${packages.join(' ')}`
      : `install ${packages.join(', ')}`;
    throw new SetupError(`missing ${why}: ${remedy}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const list = packages.join(' ');
  await run('reading the Debian package lists', 'apt-get', ['-q', ...patient, 'update'], { env });
  const flags = ['-qy', ...patient, '--no-install-recommends', 'install', ...packages];
  await withoutStartingServices(() => run(`installing Debian packages: ${list}`, 'apt-get', flags, { env }));
  if (packages.includes('openssh-server')) disableSshd();
}

/** The demo wants the program sshd, not a door into this machine: nothing that we install may start itself. */
async function withoutStartingServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return install();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await install();
  } finally {
    rmSync(policy);
  }
}

function disableSshd() {
  for (const unit of ['ssh.service', 'ssh.socket', 'sshd.service']) {
    try {
      execFileSync('systemctl', ['disable', unit], { stdio: 'ignore' });
    } catch {
      // no systemd here, or no such unit: then nothing would start it
    }
  }
  say('openssh-server is installed and left disabled: edgeban starts its own sshd in namespaces');
}

/** The page that the Worker carries; esbuild is there unless somebody wants no tools for development. */
async function buildDashboard() {
  if (!existsSync(join(modules, 'esbuild'))) return;
  await run('building the dashboard', chooseNode(), [join(root, 'dashboard/build.ts')]);
}

async function main(args) {
  const purpose = args.find((arg) => arg.startsWith('--for='))?.slice('--for='.length);
  if (args.includes('--matcher-only')) {
    await buildMatcher(chooseNode());
    return buildDashboard();
  }
  await installPackages();
  await buildMatcher(chooseNode());
  await buildDashboard();
  if (purpose === undefined) return;
  try {
    await installDebianPackages(missing(wantedPrograms(purpose)), `for the ${purpose}`);
  } catch (error) {
    // a test that lacks its program is skipped with the reason; the demo cannot do without
    if (purpose !== 'test' && purpose !== 'debian') throw error;
    say(error.message);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`set-up: ${error.message}\n`);
  process.exitCode = 1;
}
