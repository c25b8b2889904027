/** Deploys the Worker through wrangler: its configuration, where it is found, and a run in which no secret is on a command line. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { redactToken } from '../../../shared/cloudflare-answer.ts';
import { EdgebanError } from '../../../shared/errors.ts';
import { findProgram } from '../../system/programs.ts';
import type { OperatorWorld } from '../world.ts';
import type { SetupRecord, Thing } from './record.ts';

/** The newest that the Worker was tried with. */
const compatibility_date = '2026-11-01';
const output_length_max = 64 * 1024;
const shown_length_max = 1500;
const run_seconds_max = 300;

/** A checkout has the sources, the package a bundle. */
export interface WorkerCode {
  readonly main: string;
  readonly isBundled: boolean;
}

/** Throws ERR_SETUP_WRANGLER if the Worker's code is not there. */
export function findWorkerCode(named: string | undefined): WorkerCode {
  const places =
    named === undefined
      ? ['../../../worker/index.ts', '../worker/index.js'].map((path) => fileURLToPath(new URL(path, import.meta.url)))
      : [named];
  const main = places.find((path) => existsSync(path));
  if (main !== undefined) return { main, isBundled: main.endsWith('.js') };
  throw wranglerError(`the Worker's code is not at ${places.join(' or ')}`, 'name it: --worker FILE');
}

/** What wrangler reads; no secret is in it. */
export function wranglerConfig(record: SetupRecord, name: string, url: string, code: WorkerCode): string {
  const { hostname } = new URL(url);
  const routes = record.routes.map(({ pattern, zone }) => ({ pattern, zone_id: zone }));
  const config = {
    name,
    main: code.main,
    ...(code.isBundled ? { no_bundle: true } : { minify: true, build: { command: buildCommand(code.main) } }),
    account_id: record.account,
    compatibility_date,
    // at a domain of the operator's a rule of theirs can stand before the Worker: there is to be no way around it
    workers_dev: isWorkersDev(url),
    ...(routes.length === 0 ? {} : { routes }),
    vars: {
      ENFORCEMENT: record.mode,
      CLOUDFLARE_API_BASE: record.base,
      CLOUDFLARE_ACCOUNT_ID: record.account,
      CLOUDFLARE_ZONE_IDS: record.zones.map(({ id }) => id).join(','),
      LIST_NAME: record.list?.name ?? 'edgeban',
      ...(record.challenge === null ? {} : { CHALLENGE_LIST_NAME: record.challenge.name }),
      ...(record.mode === 'gate' ? { API_HOSTNAME: hostname, TURNSTILE_SITE_KEY: record.turnstile } : {}),
      ...formerVars(record),
      ALLOW: record.allow,
      ...record.vars,
    },
    kv_namespaces: [{ binding: 'BANS', id: record.namespace?.id ?? '' }],
    durable_objects: { bindings: [{ name: 'LEDGER', class_name: 'Ledger' }] },
    migrations: [{ tag: 'v1', new_sqlite_classes: ['Ledger'] }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** What the Worker may still have to take away: should its ledger be lost meanwhile, the next one knows it from here. */
export function formerVars({ left, leftZones, list, challenge, former }: SetupRecord): Record<string, string> {
  const before = left.includes('list') ? { list, challenge } : { list: null, challenge: null };
  const namesOf = (things: readonly (Thing | null)[]) => things.flatMap((thing) => thing?.name ?? []).join(',');
  const vars = {
    FORMER_LISTS: namesOf([before.list]),
    FORMER_CHALLENGE_LISTS: namesOf([before.challenge, ...former]),
    FORMER_ACCESS_RULES: left.includes('access-rules') ? 'account' : '',
    FORMER_ZONE_IDS: leftZones.map(({ id }) => id).join(','),
  };
  return Object.fromEntries(Object.entries(vars).filter(([, value]) => value !== ''));
}

/** Cloudflare's own address for the Worker, before which no rule can be put. */
export function isWorkersDev(url: string): boolean {
  return new URL(url).hostname.endsWith('.workers.dev');
}

/** A checkout builds the page that the Worker carries. */
function buildCommand(main: string): string {
  return [process.execPath, join(dirname(main), '../dashboard/build.ts')].map((word) => JSON.stringify(word)).join(' ');
}

/** The words that start wrangler. Throws ERR_SETUP_WRANGLER. */
export function findWrangler(named: string | undefined, path: string | undefined): readonly string[] {
  if (named !== undefined) return /\.m?js$/.test(named) ? [process.execPath, named] : [named];
  const own = fileURLToPath(new URL('../../../node_modules/wrangler/bin/wrangler.js', import.meta.url));
  if (existsSync(own)) return [process.execPath, own];
  const folders = (path ?? '').split(delimiter);
  const installed = findProgram('wrangler', folders);
  // a script runs under the Node that we run under: Debian's may be too old for it
  if (installed !== null) return scriptOf(installed);
  const npx = findProgram('npx', folders);
  if (npx !== null) return [npx, '--yes', 'wrangler@4'];
  throw wranglerError(
    'neither wrangler nor npx is on PATH',
    'install Node.js 22 or newer and wrangler 4 (npm install --global wrangler), or name it: --wrangler FILE',
  );
}

function scriptOf(program: string): readonly string[] {
  const file = realpathSync(program);
  return /\.m?js$/.test(file) ? [process.execPath, file] : [program];
}

export interface Deployment {
  readonly wrangler: readonly string[];
  readonly config: string;
  readonly base: string;
  readonly account: string;
  /** In wrangler's environment. */
  readonly token: string;
  /** The Worker's secrets; they go through a pipe, and are uploaded together with the code. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Throws ERR_SETUP_WRANGLER with wrangler's last words, in which no secret stands. */
export async function deploy(world: OperatorWorld, deployment: Deployment): Promise<void> {
  const { wrangler, config, secrets } = deployment;
  const words = [...wrangler, 'deploy', '--config', config, '--secrets-file', '/dev/stdin'];
  const home = mkdtempSync(join(tmpdir(), 'edgeban-wrangler-'));
  try {
    const { code, said } = await run(
      words,
      environment(world, deployment, home),
      JSON.stringify(secrets),
      world.signal,
    );
    if (code === 0) return;
    const plain = [deployment.token, ...Object.values(secrets)].reduce(redactToken, lastWords(said));
    throw wranglerError(
      `wrangler ended with ${code === null ? 'a signal' : `exit code ${code}`}: ${plain.slice(0, shown_length_max)}`,
      'mend what it says, and run the same command again',
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** From its error on, without colours, and without the place of a log that is gone with its home. */
function lastWords(said: string): string {
  const plain = stripVTControlCharacters(said);
  const error = plain.lastIndexOf('[ERROR]');
  const words = error < 0 ? plain.slice(-shown_length_max) : plain.slice(error + '[ERROR]'.length);
  return words
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/Logs were written|open an issue|create an issue/.test(line))
    .join(' ');
}

/** wrangler gets what it needs: a home of its own for its logs and caches, and no questions. */
function environment(world: OperatorWorld, { base, account, token }: Deployment, home: string): Record<string, string> {
  const { PATH = '', HOME = '/root', HTTPS_PROXY, https_proxy, NODE_EXTRA_CA_CERTS, npm_config_registry } = world.env;
  const kept = { HTTPS_PROXY, https_proxy, NODE_EXTRA_CA_CERTS, npm_config_registry };
  const given = Object.entries(kept).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return {
    ...Object.fromEntries(given),
    PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    npm_config_cache: join(HOME, '.npm'),
    CI: 'true',
    NO_COLOR: '1',
    WRANGLER_SEND_METRICS: 'false',
    CLOUDFLARE_API_BASE_URL: base,
    CLOUDFLARE_ACCOUNT_ID: account,
    CLOUDFLARE_API_TOKEN: token,
  };
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** `cat |`: what Node hands to a child is a socket, and /dev/stdin can be opened for a pipe only. */
function run(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input: string,
  signal: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(run_seconds_max * 1000)]);
    const child = spawn('/bin/sh', ['-c', 'cat | "$0" "$@"', ...words], { env, stdio: 'pipe', detached: true });
    const end = () => {
      // the whole group: the shell, cat, wrangler and what it has started
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    };
    stop.addEventListener('abort', end);
    let said = '';
    const hear = (part: Buffer) => {
      said = (said + part.toString('utf8')).slice(-output_length_max);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.stdin.on('error', () => undefined); // it ended before it read: its exit code tells
    child.on('error', reject);
    child.on('close', (code) => {
      stop.removeEventListener('abort', end);
      if (signal.aborted) reject(new EdgebanError('ERR_INTERRUPTED', 'interrupted'));
      else resolve({ code, said });
    });
    child.stdin.end(input);
  });
}

function wranglerError(message: string, remedy: string): EdgebanError {
  return new EdgebanError('ERR_SETUP_WRANGLER', message, { remedy });
}
