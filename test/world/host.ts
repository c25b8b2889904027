/** A Debian host in namespaces of its own: its journald, its sshd, its edgeban agent. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Story } from '../../shared/story.ts';
import { type Addresses, makeNode } from './network.ts';
import { Place, type Program, type Ran } from './place.ts';
import { until } from './wait.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A device folder with a log socket of its own, an empty /run and /var/log/journal; then waits to be killed. */
const mounts = `
set -e
mount --make-rprivate /
mkdir -p "$1/dev" "$1/journal"
mount -t tmpfs -o mode=755 tmpfs "$1/dev"
for node in null zero full random urandom tty; do touch "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
mkdir "$1/dev/pts" "$1/dev/shm"
mount --rbind /dev/pts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /run/systemd/journal/dev-log "$1/dev/log"
ln -s /proc/self/fd "$1/dev/fd"
mount --rbind "$1/dev" /dev
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/systemd/journal /run/log/journal /run/edgeban
if [ -d /var/log/journal ]; then mount --bind "$1/journal" /var/log/journal; fi
echo 0123456789abcdef0123456789abcdef >"$1/machine-id"
if [ -e /etc/machine-id ]; then mount --bind "$1/machine-id" /etc/machine-id; fi
hostname "$2"
echo ready
exec sleep infinity
`;

export interface Host {
  readonly name: string;
  readonly addresses: Addresses;
  readonly place: Place;
  readonly folder: string;
  /** The agent's configuration folder (a copy of the shipped one, with the demo's jail.local). */
  readonly config: string;
  readonly socket: string;
  agent: Program;
}

/** Starts the host with journald and sshd; the agent comes with startAgent. */
export async function makeHost(name: string, at: Addresses, root: string, settings: HostSettings): Promise<Host> {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const net = await makeNode(name, at);
  const holder = net.start(
    `${name} namespaces`,
    ['unshare', '--mount', '--uts', 'sh', '-c', mounts, 'sh', folder, name],
    join(folder, 'mounts.log'),
  );
  await until(`${name}'s namespaces`, () => holder.log().includes('ready'));
  // `nsenter` and `unshare` exec in place: the process that we started is the one that holds the namespaces
  const place = new Place(name, ['nsenter', '-t', String(holder.pid), '--mount', '--uts', '--net', '--']);
  await startJournald(place, folder);
  await startSshd(place, folder);
  const config = writeConfig(folder, settings);
  return { name, addresses: at, place, folder, config, socket: join(folder, 'edgeban.sock'), agent: holder };
}

async function startJournald(place: Place, folder: string): Promise<void> {
  place.start('journald', ['/lib/systemd/systemd-journald'], join(folder, 'journald.log'));
  await until(
    `${place.name}'s journald`,
    async () => (await place.run(['test', '-S', '/run/systemd/journal/dev-log'])).code === 0,
  );
}

async function startSshd(place: Place, folder: string): Promise<void> {
  const key = join(folder, 'ssh_host_ed25519_key');
  if (!existsSync(key)) await place.must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const file = join(folder, 'sshd_config');
  writeFileSync(file, sshdConfig(key));
  // before 9.8 there are no penalties, and the option is an error
  const withPenalties = `${sshdConfig(key)}PerSourcePenalties no\n`;
  writeFileSync(`${file}.new`, withPenalties);
  if ((await place.run([sshd, '-t', '-f', `${file}.new`])).code === 0) writeFileSync(file, withPenalties);
  place.start('sshd', [sshd, '-D', '-f', file], join(folder, 'sshd.log'));
  await until(`${place.name}'s sshd`, async () => (await place.must(['ss', '-Hltn'])).includes(':22 '));
}

const sshd = '/usr/sbin/sshd';

function sshdConfig(key: string): string {
  return [
    `HostKey ${key}`,
    'ListenAddress 0.0.0.0',
    'ListenAddress ::',
    'PidFile none',
    'UsePAM no',
    'PasswordAuthentication yes',
    'MaxStartups 100',
    '',
  ].join('\n');
}

export interface HostSettings {
  /** What goes into jail.local. */
  readonly jails: string;
}

function writeConfig(folder: string, settings: HostSettings): string {
  const config = join(folder, 'etc');
  cpSync(join(checkout, 'host-agent/etc'), config, { recursive: true });
  writeFileSync(join(config, 'jail.local'), settings.jails);
  const database = join(folder, 'edgeban.sqlite3');
  const server = ['[Definition]', `dbfile = ${database}`, `logtarget = ${join(folder, 'edgeban.log')}`, ''];
  writeFileSync(join(config, 'edgeban.local'), server.join('\n'));
  return config;
}

export const program = (name: string): string => join(checkout, 'host-agent/bin', name);

function common(host: Host): readonly string[] {
  return ['-c', host.config, '-s', host.socket, '-p', join(host.folder, 'edgeban.pid')];
}

/** Makes the host known to the Worker; `token` goes in by standard input's stand-in, a file, never on the command line. */
export async function enroll(host: Host, url: string, token: string): Promise<void> {
  const file = join(host.folder, 'token');
  writeFileSync(file, token, { mode: 0o600 });
  await host.place.must([
    program('edgeban'),
    'edge',
    'enroll',
    ...common(host).slice(0, 2),
    '--url',
    url,
    '--token-file',
    file,
    '--name',
    host.name,
  ]);
}

/** Starts the agent and waits until it answers. */
export async function startAgent(host: Host): Promise<void> {
  host.agent = host.place.start(
    'edgeban-server',
    [program('edgeban-server'), '-f', ...common(host)],
    join(host.folder, 'server.log'),
  );
  const answers = async () => {
    if (!host.agent.isRunning) throw new Error(`the agent ended: ${host.agent.log().slice(-2000)}`);
    return (await client(host, 'ping')).includes('pong');
  };
  await until(`${host.name}'s agent`, answers);
}

/** One word of edgeban-client; returns what it printed. */
export async function client(host: Host, ...words: readonly string[]): Promise<string> {
  const ran = await host.place.run([program('edgeban-client'), ...common(host), ...words]);
  if (ran.code !== 0) throw new Error(`edgeban-client ${words.join(' ')}: ${ran.stderr || ran.stdout}`);
  return ran.stdout;
}

/** `edgeban WORDS` on this host; a non-zero exit code is an answer. */
export async function edgeban(host: Host, ...words: readonly string[]): Promise<Ran> {
  return await host.place.run([program('edgeban'), ...words], { timeout_ms: 90_000 });
}

/** What `edgeban explain` tells of an address. */
export async function explained(host: Host, address: string): Promise<Story> {
  const words = ['explain', address, '--json', '-c', host.config, '-s', host.socket];
  return Story.parse(JSON.parse(await host.place.must([program('edgeban'), ...words])));
}

/** The agent's own log so far. */
export function agentLog(host: Host): string {
  const file = join(host.folder, 'edgeban.log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** The addresses in the nft set of a jail, read from the kernel. */
export async function inKernel(host: Host, set: string): Promise<readonly string[]> {
  const ran = await host.place.run(['nft', '-j', 'list', 'set', 'inet', 'f2b-table', set]);
  if (ran.code !== 0) return [];
  return [...ran.stdout.matchAll(/"val": ?"([^"]+)"/g)].map((found) => found[1] ?? '');
}
