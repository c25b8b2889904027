/** The real Worker in workerd, through wrangler, on a loopback port; it can be killed and started again with its state. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../world/wait.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

export interface RealWorker {
  readonly url: string;
  /** OPERATOR_TOKEN. */
  readonly token: string;
  operator(method: string, path: string, body?: unknown): Promise<unknown>;
  start(): Promise<void>;
  /** Of wrangler, whose process group has workerd in it; 0 while it does not run. */
  readonly pid: number;
  /** SIGKILL to wrangler and its workerd. */
  kill(): Promise<void>;
}

export interface RealWorkerOptions {
  readonly port?: number;
  /** Of this machine; usually loopback. */
  readonly ip?: string;
  /** Files; without them, it speaks HTTP. */
  readonly tls?: { readonly key: string; readonly certificate: string };
  /** Of wrangler; our own Worker's, unless set. */
  readonly config?: string;
  /** `host:port` of an origin behind the Worker's gate. */
  readonly upstream?: string;
  /** Gives the Worker's vars and secrets at each start; without it, it enforces nothing. */
  readonly settings?: () => Readonly<Record<string, string>>;
}

export async function makeRealWorker(folder: string, options: RealWorkerOptions = {}): Promise<RealWorker> {
  const { port = await freePort(), ip = '127.0.0.1', tls, settings, upstream } = options;
  const { config = join(checkout, 'wrangler.toml') } = options;
  const url = `http${tls === undefined ? '' : 's'}://${ip}:${port}`;
  const token = randomBytes(24).toString('base64url');
  mkdirSync(join(folder, 'home'));
  const usual = { OPERATOR_TOKEN: token, CLOUDFLARE_API_TOKEN: 'none', ENFORCEMENT: 'none' };
  const writeEnv = () => {
    const lines = Object.entries(settings?.() ?? usual).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(folder, 'worker.env'), lines.join(''), { mode: 0o600 });
  };
  let child: ChildProcess | null = null;
  return {
    url,
    token,
    get pid() {
      return child?.pid ?? 0;
    },
    operator: async (method, path, body) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const reply = await fetch(url + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
      return await reply.json();
    },
    start: async () => {
      writeEnv();
      child = startWrangler(folder, { port, ip, tls, config, upstream });
      await until('the Worker', () => fetch(`${url}/v1/health`), { within_ms: 120_000, every_ms: 100 });
    },
    kill: async () => {
      if (child?.pid === undefined) return;
      const gone = new Promise((done) => child?.on('exit', done));
      // its own process group: workerd goes with wrangler
      process.kill(-child.pid, 'SIGKILL');
      await gone;
      child = null;
    },
  };
}

type Door = Required<Pick<RealWorkerOptions, 'port' | 'ip' | 'config'>> & Given;
type Given = { readonly [name in 'tls' | 'upstream']: RealWorkerOptions[name] };

function startWrangler(folder: string, { port, ip, tls, config, upstream }: Door): ChildProcess {
  const files = ['--config', config, '--persist-to', join(folder, 'state'), '--env-file', join(folder, 'worker.env')];
  const where = ['--local', '--ip', ip, '--port', String(port), '--inspector-port', '0'];
  const secure = [
    '--local-protocol',
    'https',
    '--https-key-path',
    tls?.key ?? '',
    '--https-cert-path',
    tls?.certificate ?? '',
  ];
  const words = [
    join(checkout, 'node_modules/wrangler/bin/wrangler.js'),
    'dev',
    ...files,
    ...where,
    ...(tls === undefined ? [] : secure),
    // requests are then for this host, which is none of the API's: they come to the gate
    ...(upstream === undefined ? [] : ['--local-upstream', upstream, '--upstream-protocol', 'http']),
    '--show-interactive-dev-session=false',
  ];
  const env = {
    PATH: process.env['PATH'],
    HOME: join(folder, 'home'),
    CI: 'true',
    WRANGLER_SEND_METRICS: 'false',
    NO_COLOR: '1',
  };
  return spawn(process.execPath, words, { env, detached: true, stdio: 'ignore', cwd: folder });
}

/** Below those that connections are given: one of those could have it before the Worker does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
