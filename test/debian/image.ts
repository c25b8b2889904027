/** Debian in a folder: made once with debootstrap, with all that the walk needs, for machines have no internet. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const suites = { '13': 'trixie', '12': 'bookworm', '11': 'bullseye' } as const;
export type Release = keyof typeof suites;

/** A server as its administrator finds it, and what he may have on it beside edgeban. */
const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'adduser', 'procps', 'logrotate', 'rsyslog'],
  ...['bsdutils', 'man-db', 'bash-completion', 'conntrack'],
  ...['iproute2', 'nftables', 'iptables', 'ipset', 'ufw', 'firewalld'],
  ...['openssh-server', 'apache2', 'nginx', 'fail2ban'],
];

/** Installed, but off: each is started by the step that is about it. */
const idle = ['apache2', 'nginx', 'fail2ban', 'firewalld', 'ufw', 'rsyslog'];

/** Runs in a mount namespace of its own, so nothing stays mounted, whatever happens. */
const recipe = `
set -eu
suite=$1 root=$2 archive=$3 packages=$4 idle=$5
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }
debootstrap --variant=minbase "$suite" "$root" "$archive"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
printf '#!/bin/sh\\nexit 101\\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# a machine that is thrown away needs no syncs
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/thrown-away"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
echo "deb $archive $suite main" >"$root/etc/apt/sources.list"
# neither the mirror nor the clock need be of today
old='-o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false -o Acquire::Languages=none'
inside apt-get -q $old update
inside apt-get -qy -o Dpkg::Use-Pty=0 install --no-install-recommends $packages
inside apt-get clean
inside systemctl disable $idle apt-daily.timer apt-daily-upgrade.timer
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/log/journal/* "$root/usr/sbin/policy-rc.d"
: >"$root/etc/apt/sources.list"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
echo debian >"$root/etc/hostname"
printf '127.0.0.1 localhost debian\\n::1 localhost\\n' >"$root/etc/hosts"
`;

/** The archive is far, and hundreds of packages come from it: what breaks off is begun anew. */
const downloads_max = 3;

/** The folder of the release's image; made now if there is none of this recipe. */
export async function makeImage(release: Release): Promise<string> {
  const suite = suites[release];
  const folder = join(cacheFolder(), 'debian');
  const hash = createHash('sha256')
    .update(JSON.stringify([recipe, packages, idle]))
    .digest('hex');
  const image = join(folder, `${suite}-${hash.slice(0, 8)}`);
  if (existsSync(image)) return image;
  mkdirSync(folder, { recursive: true });
  const draft = `${image}.${process.pid}`;
  try {
    for (let left = downloads_max; ; left -= 1) {
      const failed = await cook(suite, draft).then(
        () => null,
        (error: Error) => error,
      );
      if (failed === null) break;
      if (left === 1) throw failed;
      rmSync(draft, { recursive: true, force: true });
    }
    renameSync(draft, image);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  for (const old of readdirSync(folder))
    if (old.startsWith(`${suite}-`) && join(folder, old) !== image) rmSync(join(folder, old), { recursive: true });
  return image;
}

/** What may be thrown away and is worth keeping. */
export function cacheFolder(): string {
  const ofUser = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return process.env['EDGEBAN_CACHE'] ?? join(ofUser, 'edgeban');
}

function cook(suite: string, root: string): Promise<void> {
  const words = [suite, root, archive(), packages.join(' '), idle.join(' ')];
  const unshare = ['--mount', '--pid', '--fork', '--kill-child=KILL', 'sh', '-c', recipe, 'sh', ...words];
  const child = spawn('unshare', unshare, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const tail = Buffer.concat(output).toString().trimEnd().split('\n').slice(-20).join('\n');
      if (code === 0) resolve();
      else reject(new Error(`making Debian ${suite} failed (exit ${code}):\n${tail}`));
    });
  });
}

/** Debian's archive as the machine's own sources name it. */
function archive(): string {
  try {
    const format = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
    const named = execFileSync('apt-get', format, { encoding: 'utf8' }).split('\n');
    return named.find((uri) => /\/debian\/?$/.test(uri)) ?? publicArchive;
  } catch {
    return publicArchive;
  }
}

const publicArchive = 'http://deb.debian.org/debian';
