/** A booted Debian: a throw-away clone of an image under systemd-nspawn, and the internet that it is on. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Attacker, makeAttacker } from '../world/attacker.ts';
import { here, Place, type Program, type Ran } from '../world/place.ts';
import { until } from '../world/wait.ts';
import { cacheFolder, makeImage, type Release } from './image.ts';

/** Where a machine is on the wire that all machines of a release share. */
export interface Seat {
  /** Also the machine's host name. */
  readonly name: string;
  readonly v4: string;
  readonly v6: string;
  /** What of this side is to be read there, as `--bind-ro=` takes it. */
  readonly shown?: readonly string[];
}

export const addresses = { v4: '192.0.2.10', v6: '2001:db8:a::10' } as const;
const alone: Seat = { name: 'debian', ...addresses };
export const gateway = { v4: '192.0.2.1', v6: '2001:db8:a::1' } as const;

/** The longest command is an installation. */
const command_ms_max = 120_000;

export interface Machine {
  readonly release: Release;
  readonly seat: Seat;
  /** The machine's own file tree, as this side sees it. */
  readonly root: string;
  /** The machine's first process, as this side numbers it. */
  readonly leader: number;
  readonly boot_ms: number;
  readonly place: Place;
  /** Everybody else: any address may be played from there. */
  readonly internet: Place;
  readonly folder: string;
  readonly nspawn: Program;
}

/** Where the machines of a run keep what they write, and the name of their cgroup. */
export function makeShelf(): string {
  return mkdtempSync(join(cacheFolder(), 'debian', 'machines-'));
}

/** Called from outside, when the machines' namespaces are gone. */
export async function clearShelf(shelf: string): Promise<void> {
  rmSync(shelf, { recursive: true, force: true });
  for (const tree of ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup'])
    await here.run(['find', join(tree, cgroupName(shelf)), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
}

/** Must be called inside namespaces of our own (test/world/enter.ts): mounts, networks, processes die with them. */
export async function boot(release: Release, shelf: string, seat: Seat = alone): Promise<Machine> {
  const image = await makeImage(release);
  const folder = join(shelf, `${release}-${seat.name}`);
  const root = join(folder, 'root');
  for (const name of ['upper', 'work', 'root']) mkdirSync(join(folder, name), { recursive: true });
  const options = `lowerdir=${image},upperdir=${join(folder, 'upper')},workdir=${join(folder, 'work')}`;
  await here.must(['mount', '-t', 'overlay', 'edgeban-machine', '-o', options, root]);
  const internet = await makeNetwork(release, seat);
  writeFileSync(join(root, 'etc/hostname'), `${seat.name}\n`);
  refusePasswordsAtOnce(root);
  const started = performance.now();
  const nspawn = startSystem(release, shelf, { seat, root });
  try {
    const leader = await firstProcess(nspawn);
    const place = new Place(`${seat.name}-${release}`, entry(leader));
    await until('the system', async () => isUp((await place.run(['systemctl', 'is-system-running'])).stdout), {
      within_ms: 180_000,
      every_ms: 100,
    });
    return { release, seat, root, leader, boot_ms: performance.now() - started, place, internet, folder, nspawn };
  } catch (error) {
    throw new Error(`Debian ${release} does not boot:\n${nspawn.log().slice(-2000)}`, { cause: error });
  }
}

/** PAM takes two seconds to say no; who guesses faster is worse, and waited for less. */
function refusePasswordsAtOnce(root: string): void {
  const file = join(root, 'etc/pam.d/common-auth');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/(pam_unix\.so.*)$/m, '$1 nodelay'));
}

const isUp = (state: string): boolean => /^(running|degraded)$/.test(state.trim());

/** The network namespace of a machine, as `ip netns` names it. */
export const networkOf = (release: Release, { name }: Seat): string => `${name}-${release}`;

/** The machine's namespace and the internet's, on one wire; whoever is not on it is behind the internet's end. */
async function makeNetwork(release: Release, seat: Seat): Promise<Place> {
  const [machine, internet] = [networkOf(release, seat), `internet-${release}`];
  const script = `
set -e
# the wire is a bridge of the internet's, so that several machines are on it
if ! [ -e /run/netns/${internet} ]; then
  ip netns add ${internet}
  ip -n ${internet} link set lo up
  ip -n ${internet} link add eth0 type bridge forward_delay 0
  ip -n ${internet} addr add ${gateway.v4}/24 dev eth0
  ip -n ${internet} addr add ${gateway.v6}/64 dev eth0 nodad
  ip -n ${internet} link set eth0 up
fi
ip netns add ${machine}
ip -n ${machine} link set lo up
ip -n ${machine} link add eth0 type veth peer name ${seat.name} netns ${internet}
ip -n ${internet} link set ${seat.name} master eth0 up
ip -n ${machine} addr add ${seat.v4}/24 dev eth0
ip -n ${machine} addr add ${seat.v6}/64 dev eth0 nodad
ip -n ${machine} link set eth0 up
ip -n ${machine} route add default via ${gateway.v4}
ip -n ${machine} -6 route add default via ${gateway.v6}
# every refused connection gets its answer; by default the kernel sends one ICMP error a second
nsenter --net=/run/netns/${machine} sh -c '
  echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit'
`;
  await here.must(['sh', '-c', script]);
  return new Place(internet, ['nsenter', `--net=/run/netns/${internet}`, '--']);
}

/** In a cgroup of its own, for nspawn builds the machine's tree below the one that it is in. */
const inOwnCgroup = `
for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  if [ -f "$tree/cgroup.procs" ]; then mkdir -p "$tree/$1" && echo 0 >"$tree/$1/cgroup.procs"; fi
done
shift
exec "$@"
`;

const cgroupName = (shelf: string): string => `edgeban-${basename(shelf)}`;

function startSystem(release: Release, shelf: string, { seat, root }: Pick<Machine, 'seat' | 'root'>): Program {
  const name = networkOf(release, seat);
  const nspawn = [
    ...['systemd-nspawn', '--quiet', '--boot', `--directory=${root}`, `--machine=edgeban-${name}`],
    ...[`--network-namespace-path=/run/netns/${name}`, '--capability=CAP_NET_ADMIN'],
    ...(seat.shown ?? []).map((path) => `--bind-ro=${path}`),
    // nothing of the machine below us is asked or told
    ...['--register=no', '--keep-unit', '--resolv-conf=off', '--timezone=off', '--link-journal=no'],
  ];
  const command = ['sh', '-c', inOwnCgroup, 'sh', join(cgroupName(shelf), name), ...nspawn];
  // Debian 11 to 13 run on the unified hierarchy alone, whatever this machine has
  return here.start('systemd-nspawn', command, join(root, '../console.log'), {
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
  });
}

function firstProcess(nspawn: Program): Promise<number> {
  return until("the machine's first process", () => {
    if (!nspawn.isRunning) throw new Error('systemd-nspawn ended');
    const children = readFileSync(`/proc/${nspawn.pid}/task/${nspawn.pid}/children`, 'utf8').trim().split(/\s+/);
    const pid = Number(children[0]);
    return pid > 0 && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd' && pid;
  });
}

/** Into all of the machine's namespaces, with its administrator's environment, in a cgroup that is no unit's. */
function entry(leader: number): string[] {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const apart = 'g=/sys/fs/cgroup/visit; mkdir -p $g; echo 0 >$g/cgroup.procs; cd; exec "$@"';
  return [
    ...['nsenter', '-t', String(leader), '--all', '--', 'env', '-i', path],
    ...['HOME=/root', 'LC_ALL=C', 'TERM=dumb', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', apart, 'sh'],
  ];
}

/** Runs a line of shell as root; any exit code is an answer. */
export function run(machine: Machine, script: string): Promise<Ran> {
  return machine.place.run(['sh', '-c', script], { timeout_ms: command_ms_max });
}

/** Runs a line of shell as root, and returns what it prints; it is an error if it fails. */
export async function sh(machine: Machine, script: string): Promise<string> {
  const { code, stdout, stderr } = await run(machine, script);
  if (code === 0) return stdout.trimEnd();
  throw new Error(`${script}: exit ${code}\n${stdout}${stderr}`.trimEnd());
}

/** Writes a file of the machine, from inside (a link there must not lead us out); its folder is made. */
export async function write(machine: Machine, path: string, text: string): Promise<void> {
  const encoded = Buffer.from(text).toString('base64');
  await sh(machine, `mkdir -p "$(dirname ${path})" && echo ${encoded} | base64 -d >${path}`);
}

/** Somebody on the internet with this address. */
export async function attackerAt(machine: Machine, source: string): Promise<Attacker> {
  const length = source.includes(':') ? 128 : 32;
  await machine.internet.run(['ip', 'addr', 'add', `${source}/${length}`, 'dev', 'eth0', 'nodad']);
  return { ...makeAttacker(machine.internet, machine.folder), source };
}

/** Powers the machine off. */
export async function stop({ place, nspawn, root }: Machine): Promise<void> {
  await place.run(['systemctl', 'poweroff', '--force', '--force']);
  await until('the end of systemd-nspawn', () => !nspawn.isRunning, { within_ms: 15_000 }).catch(() =>
    nspawn.kill('SIGKILL'),
  );
  await here.must(['umount', root]);
}
