/** A journald of its own in a mount namespace, which touches no journal of this machine. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const daemon = '/lib/systemd/systemd-journald';

/** Why there can be no journald here, or null. */
export function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'needs root to make a mount namespace';
  if (!fs.existsSync(daemon)) return `needs ${daemon}`;
  const missing = ['unshare', 'nsenter', 'journalctl', 'systemd-cat', 'python3', 'ps'].filter(isMissing);
  return missing.length === 0 ? null : `needs ${missing.join(', ')}`;
}

function isMissing(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

const script = `
set -e
mount --bind "$1/run" /run
mount --bind "$1/journal" /var/log/journal
mount --bind "$1/machine-id" /etc/machine-id
mount --bind "$1/journald.conf" /etc/systemd/journald.conf
while :; do
  ${daemon} & echo $! > "$1/pid"
  { wait $! || :; } 2>/dev/null
  while test -e "$1/stopped"; do sleep 0.02; done
done`;

export class Journald {
  readonly folder = fs.mkdtempSync(join(tmpdir(), 'edgeban-journald-'));
  readonly #children: ChildProcess[] = [];
  readonly #daemon: ChildProcess;

  constructor() {
    for (const name of ['run/systemd/journal', 'journal']) fs.mkdirSync(join(this.folder, name), { recursive: true });
    const settings =
      'Storage=persistent\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\nSystemMaxFileSize=8M\nForwardToSyslog=no';
    fs.writeFileSync(join(this.folder, 'journald.conf'), `[Journal]\n${settings}\n`);
    fs.writeFileSync(join(this.folder, 'machine-id'), '0123456789abcdef0123456789abcdef\n');
    fs.writeFileSync(join(this.folder, 'run/systemd/journal/flushed'), '');
    fs.mkdirSync('/var/log/journal', { recursive: true });
    this.#daemon = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', this.folder], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  get ready(): boolean {
    return fs.existsSync(join(this.folder, 'run/systemd/journal/stdout'));
  }

  #pid(): number {
    return Number(fs.readFileSync(join(this.folder, 'pid'), 'latin1'));
  }

  get prefix(): readonly string[] {
    return ['nsenter', `--mount=/proc/${this.#daemon.pid}/ns/mnt`];
  }

  get journalctl(): readonly string[] {
    return [...this.prefix, 'journalctl'];
  }

  run(args: readonly string[], input = ''): string {
    const [file = '', ...rest] = [...this.prefix, ...args];
    return execFileSync(file, rest, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** A writer whose lines become entries of `identifier`. */
  writer(identifier: string): (lines: string) => void {
    const [file = '', ...rest] = [...this.prefix, 'systemd-cat', '-t', identifier, 'cat'];
    const child = spawn(file, rest, { stdio: ['pipe', 'ignore', 'inherit'] });
    this.#children.push(child);
    return (lines) => {
      child.stdin?.write(lines);
    };
  }

  /** One datagram in journald's own protocol: any fields, any bytes. */
  send(datagram: Buffer): void {
    const code = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(sys.stdin.buffer.read(), sys.argv[1])`;
    execFileSync('python3', ['-c', code, join(this.folder, 'run/systemd/journal/socket')], { input: datagram });
  }

  /** Ends journald, and lets it begin again later: others have been killed so, too. */
  stop(): void {
    fs.writeFileSync(join(this.folder, 'stopped'), '');
    fs.rmSync(join(this.folder, 'run/systemd/journal/stdout'), { force: true });
    process.kill(this.#pid(), 'SIGKILL');
  }

  start(): void {
    fs.rmSync(join(this.folder, 'stopped'));
  }

  rotate(): void {
    this.run(['journalctl', '--rotate']);
  }

  async remove(): Promise<void> {
    for (const child of [...this.#children, this.#daemon]) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once('exit', resolve));
    }
    process.kill(this.#pid(), 'SIGKILL');
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
