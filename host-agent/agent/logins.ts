/** Who is logged in over ssh now, and from where: as logind knows it, else as the kernel shows it of sshd's processes. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { canonical } from '../../shared/address.ts';

/** A login that was authenticated: a connection that only waits at the door is none. */
export interface Login {
  readonly user: string;
  readonly address: string;
}

export interface LoginFolders {
  /** One file a session; there is none without logind. */
  readonly sessions: string;
  readonly proc: string;
}

export const loginFolders: LoginFolders = { sessions: '/run/systemd/sessions', proc: '/proc' };

const logins_max = 1_000;

/** Never throws: what cannot be read is nobody. */
export function loginsOverSsh({ sessions, proc }: LoginFolders): Login[] {
  const known = namesIn(sessions);
  return known === null ? loginsOfProcesses(proc) : loginsOfSessions(sessions, known);
}

/** logind's files have had this form since 2011; other programs read them too, and asking over D-Bus takes a process. */
function loginsOfSessions(folder: string, names: readonly string[]): Login[] {
  return names.slice(0, logins_max).flatMap((name) => {
    const text = /^[A-Za-z0-9]+$/.test(name) ? textOf(join(folder, name)) : '';
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';
    const address = canonical(value('REMOTE_HOST').replace(/%.*$/, ''));
    const isAlive = value('REMOTE') === '1' && value('SERVICE') === 'sshd' && value('STATE') !== 'closing';
    return isAlive && address !== null ? [{ user: value('USER'), address }] : [];
  });
}

/**
 * Without logind: once somebody has logged in, one of sshd's processes is called `sshd: user@pts/0` (or @notty), and before
 * that `sshd: user [priv]`. Its connection is the process's, or that of the process above it.
 */
function loginsOfProcesses(proc: string): Login[] {
  const sockets = new Map<string, string>();
  const found: Login[] = [];
  for (const pid of namesIn(proc) ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    const user = /^sshd(?:-session)?: ([^\s@[\]]+)@\S+$/.exec(
      textOf(join(proc, pid, 'cmdline')).replace(/[\0\s]+$/, ''),
    )?.[1];
    if (user === undefined || found.length >= logins_max) continue;
    if (sockets.size === 0) readSockets(proc, sockets);
    const parent = /^PPid:\s+(\d+)$/m.exec(textOf(join(proc, pid, 'status')))?.[1] ?? '';
    // anybody may give a process that name: the connection counts that root's sshd holds, here or above
    const holder = [pid, parent].find((one) => isRootsSshd(proc, one));
    const inodes = holder === undefined ? [] : socketsOf(proc, holder);
    for (const inode of inodes) {
      const address = sockets.get(inode);
      if (address !== undefined) found.push({ user, address });
    }
  }
  return found;
}

function isRootsSshd(proc: string, pid: string): boolean {
  const uid = /^Uid:\s+(\d+)\s+(\d+)/m.exec(textOf(join(proc, pid, 'status')));
  const program = linkOf(join(proc, pid, 'exe')).replace(/ \(deleted\)$/, '');
  return uid?.[1] === '0' && uid[2] === '0' && /\/sshd(?:-session)?$/.test(program);
}

function socketsOf(proc: string, pid: string): string[] {
  const folder = join(proc, pid, 'fd');
  return (namesIn(folder) ?? []).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(join(folder, fd)))?.[1] ?? []);
}

/** From the inode of each established TCP connection to the address at its other end. */
function readSockets(proc: string, into: Map<string, string>): void {
  for (const table of ['tcp', 'tcp6']) {
    for (const line of textOf(join(proc, 'net', table))
      .split('\n')
      .slice(1)) {
      const [, , remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const address = state === '01' ? addressOf(remote.split(':')[0] ?? '') : null;
      if (address !== null) into.set(inode, address);
    }
  }
}

/** The kernel prints 32 bits at a time, each in the machine's order (little endian on all that we run on). */
function addressOf(hex: string): string | null {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return canonical(bytes.map((byte) => Number.parseInt(byte, 16)).join('.'));
  const groups = Array.from({ length: 8 }, (_, i) => `${bytes[2 * i] ?? ''}${bytes[2 * i + 1] ?? ''}`);
  return bytes.length === 16 ? canonical(groups.join(':')) : null;
}

function namesIn(folder: string): string[] | null {
  try {
    return readdirSync(folder);
  } catch {
    return null;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
