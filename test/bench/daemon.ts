/** A daemon in a network namespace of its own, edgeban or fail2ban, with one jail on a log file: what the scale measurements run. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Netns } from '../actions/netns.ts';

const root = join(import.meta.dirname, '../..');
const clockTicks = 100;

/** What a daemon runs in; by default a namespace and a jail of its own. */
export interface Site {
  readonly netns: Netns;
  /** Of the jails' lines: where they come from. */
  readonly source: readonly string[];
  readonly table: string;
  /** sshd, and others that are the same under other names. */
  readonly jails: readonly string[];
}

/** The same jails for both. */
function jailLocal({ source, table, jails }: Omit<Site, 'netns'>): string {
  const common = [
    '[DEFAULT]',
    'bantime = 1d',
    `banaction = nftables[table=${table}]`,
    'maxretry = 5',
    'findtime = 10m',
  ];
  const each = jails.flatMap((name) => [`[${name}]`, 'enabled = true', 'filter = sshd', ...source]);
  return [...common, ...each, ''].join('\n');
}

export abstract class Daemon {
  readonly netns: Netns;
  readonly folder: string;
  readonly #ownsNetns: boolean;
  readonly #site: Partial<Site>;
  readonly log: string;
  #process: ChildProcess | null = null;

  constructor(folder: string, site: Partial<Site>) {
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    this.#site = site;
    this.#ownsNetns = site.netns === undefined;
    this.netns = site.netns ?? new Netns();
    this.log = join(folder, 'auth.log');
    if (!existsSync(this.log)) writeFileSync(this.log, '');
  }

  protected jails(backend: string): string {
    const source = [`backend = ${backend}`, `logpath = ${this.log}`];
    return jailLocal({ source, table: 'f2b-table', jails: ['sshd'], ...this.#site });
  }

  protected abstract server(): { readonly command: readonly string[]; readonly env: NodeJS.ProcessEnv };
  protected abstract clientCommand(): { readonly command: readonly string[]; readonly env: NodeJS.ProcessEnv };

  get config(): string {
    return join(this.folder, 'etc');
  }

  protected get paths(): string[] {
    return ['-c', this.config, '-s', join(this.folder, 'control.sock'), '-p', join(this.folder, 'pid')];
  }

  /** Starts it and waits until it answers; returns the milliseconds. */
  async start(): Promise<number> {
    const began = performance.now();
    const { command, env } = this.server();
    const [file, ...args] = [...this.netns.prefix, ...command];
    this.#process = spawn(file ?? '', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    while (!existsSync(join(this.folder, 'control.sock')) || !(await this.#answers())) {
      if (this.#isOver) throw new Error('it ended while it started: its log says why');
      await pause(5);
    }
    return performance.now() - began;
  }

  /** Meanwhile others are listened to: what the kernel tells comes at its time. */
  #answers(): Promise<boolean> {
    const { command, env } = this.clientCommand();
    const [file, ...args] = [...this.netns.prefix, ...command, 'ping'];
    return new Promise((resolve) => {
      execFile(file ?? '', args, { env }, (_error, stdout) => resolve(stdout.includes('pong')));
    });
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  get #isOver(): boolean {
    return this.#process === null || this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#isOver) return;
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill(signal);
    await ended;
  }

  client(...words: string[]): string {
    const { command, env } = this.clientCommand();
    const [file, ...args] = [...this.netns.prefix, ...command, ...words];
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    return execFileSync(file ?? '', args, { env, encoding: 'utf8', stdio, maxBuffer: 1 << 28 });
  }

  write(lines: string): void {
    appendFileSync(this.log, lines);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Megabytes that it and its children hold now, and the most that it held by itself. */
  memory(): { readonly now_mb: number; readonly children_mb: number; readonly peak_mb: number } {
    const [now_mb, peak_mb] = [memoryOf(this.pid, 'VmRSS'), memoryOf(this.pid, 'VmHWM')];
    return { now_mb, children_mb: childrenOf(this.pid).reduce((sum, pid) => sum + memoryOf(pid, 'VmRSS'), 0), peak_mb };
  }

  /** Seconds of processor time so far. */
  cpu(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / clockTicks;
  }

  /** Elements in the kernel's sets for single addresses. */
  inKernel(): number {
    try {
      return (
        this.netns.run('nft', 'list', 'set', 'inet', 'f2b-table', 'addr-set-sshd').match(/\d+\.\d+\.\d+\.\d+/g) ?? []
      ).length;
    } catch {
      return 0;
    }
  }

  /** Costs the kernel next to nothing, however many it has. */
  hasInKernel(address: string): Promise<boolean> {
    const words = ['nft', 'get', 'element', 'inet', 'f2b-table', 'addr-set-sshd', `{ ${address} }`];
    const [file, ...args] = [...this.netns.prefix, ...words];
    return new Promise((resolve) => execFile(file ?? '', args, (error) => resolve(error === null)));
  }

  /** When it has ended, nothing is written into its folder any more. */
  async remove(): Promise<void> {
    await this.kill();
    if (this.#ownsNetns) this.netns.remove();
  }
}

export class Edgeban extends Daemon {
  readonly name = 'edgeban';

  constructor(folder: string, site: Partial<Site> = {}) {
    super(folder, site);
    cpSync(join(root, 'host-agent/etc'), this.config, { recursive: true });
    writeFileSync(join(this.config, 'jail.local'), this.jails('auto'));
    const settings = [`dbfile = ${join(folder, 'edgeban.sqlite3')}`, `logtarget = ${join(folder, 'edgeban.log')}`];
    writeFileSync(join(this.config, 'edgeban.local'), ['[Definition]', ...settings, ''].join('\n'));
  }

  protected server() {
    return { command: [join(root, 'host-agent/bin/edgeban-server'), '-f', ...this.paths], env: process.env };
  }

  protected clientCommand() {
    return { command: [join(root, 'host-agent/bin/edgeban-client'), ...this.paths], env: process.env };
  }
}

/** Of a checkout. */
export class Fail2ban extends Daemon {
  readonly name = 'fail2ban';
  readonly #checkout: string;
  readonly #python: string;

  constructor(folder: string, checkout: string, site: Partial<Site> = {}, python = 'python3') {
    super(folder, site);
    this.#checkout = checkout;
    this.#python = python;
    cpSync(join(checkout, 'config'), this.config, { recursive: true });
    writeFileSync(join(this.config, 'jail.local'), this.jails('polling'));
    const settings = [`dbfile = ${join(folder, 'fail2ban.sqlite3')}`, `logtarget = ${join(folder, 'fail2ban.log')}`];
    writeFileSync(join(this.config, 'fail2ban.local'), ['[Definition]', ...settings, ''].join('\n'));
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, PYTHONPATH: this.#checkout };
  }

  protected server() {
    const program = join(this.#checkout, 'bin/fail2ban-client');
    return { command: [this.#python, program, ...this.paths, '-f', 'start'], env: this.#env };
  }

  protected clientCommand() {
    return { command: [this.#python, join(this.#checkout, 'bin/fail2ban-client'), ...this.paths], env: this.#env };
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function memoryOf(pid: number, field: string): number {
  try {
    const found = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Math.round(Number(found?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
