/** A network namespace of its own for a test: an nft that sees nothing else, addresses on its loopback, TCP inside. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createNft, type Nft } from '../../host-agent/actions/nft.ts';

/** Why nft cannot be tested here, or null. */
export function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces';
  for (const program of ['ip', 'nft', 'nsenter']) {
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
    } catch {
      return `needs ${program}`;
    }
  }
  return null;
}

export class Netns {
  readonly name = `edgeban-test-${randomBytes(4).toString('hex')}`;
  readonly #children: ChildProcess[] = [];

  constructor(addresses: readonly string[] = []) {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.run('ip', 'link', 'set', 'lo', 'up');
    for (const address of addresses) this.run('ip', 'addr', 'add', address, 'dev', 'lo');
  }

  get prefix(): [string, ...string[]] {
    return ['nsenter', `--net=/run/netns/${this.name}`];
  }

  nft(options: { timeout_ms?: number } = {}): Nft {
    return createNft({ command: [...this.prefix, 'nft'], ...options });
  }

  run(...args: string[]): string {
    const [file, ...rest] = [...this.prefix, ...args];
    return execFileSync(file ?? '', rest, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  script(text: string): void {
    const [file, ...rest] = [...this.prefix, 'nft', '-f', '-'];
    execFileSync(file ?? '', rest, { input: text });
  }

  /** A TCP server on all addresses of both families. */
  async listen(port: number): Promise<void> {
    const code = `require('net').createServer((s) => s.end()).listen(${port}, '::', () => console.log('up'))`;
    const [file, ...rest] = [...this.prefix, process.execPath, '-e', code];
    const child = spawn(file ?? '', rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
  }

  /** `connected`, or the error's code. */
  connect(from: string, to: string, port: number): string {
    const code = `const s = require('net').connect({ host: '${to}', port: ${port}, localAddress: '${from}', timeout: 2000 });
      s.on('connect', () => done('connected')); s.on('timeout', () => done('timeout')); s.on('error', (e) => done(e.code));
      function done(text) { console.log(text); process.exit(0); }`;
    return this.run(process.execPath, '-e', code).trim();
  }

  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}
