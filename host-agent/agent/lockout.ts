/** Whom this host must not lock out at this moment: administrators whose login is alive, and the default gateway. */
import { readFileSync, statSync } from 'node:fs';
import { canonical, contains, type Prefix, parsePrefix } from '../../shared/address.ts';
import type { Refusal } from '../../shared/engine/guard.ts';
import { type Login, loginFolders, loginsOverSsh } from './logins.ts';

/** So old may be what is known while nothing says that it has changed: a look costs a millisecond. */
const fresh_ms = 2_000;
/** So often it is asked whether somebody has come or gone: in a flood of failures each question counts. */
const glance_ms = 20;

export interface LockoutPorts {
  logins(): readonly Login[];
  /** Changes when somebody logs in or out; always the same where nothing tells that cheaply. */
  change(): number;
  /** `file` of /proc/net, or /etc; empty where there is none. */
  read(file: string): string;
  /** Milliseconds that only grow. */
  clock(): number;
}

const realPorts: LockoutPorts = {
  logins: () => loginsOverSsh(loginFolders),
  // logind replaces a session's file, so that its folder has another time
  change: () => statSync(loginFolders.sessions, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  read: (file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  },
  clock: () => performance.now(),
};

type Spared = readonly [Prefix, Refusal];

export class Lockout {
  readonly #ports: LockoutPorts;
  #admins: readonly string[] = [];
  #spared: readonly Spared[] = [];
  #knownAt = Number.NEGATIVE_INFINITY;
  #glancedAt = Number.NEGATIVE_INFINITY;
  #change = 0;

  constructor(ports: LockoutPorts = realPorts) {
    this.#ports = ports;
  }

  /** Whose logins count: user names, `@group`, or `*`. */
  setAdmins(admins: readonly string[]): void {
    this.#admins = admins;
    this.#knownAt = Number.NEGATIVE_INFINITY;
  }

  /** Why a ban of `prefix` would lock somebody out; null if it would not. */
  refusal(prefix: Prefix): Refusal | null {
    if (!this.#isFresh()) {
      this.#spared = [...this.#gateways(), ...this.#logins()];
      this.#knownAt = this.#ports.clock();
    }
    return this.#spared.find(([address]) => contains(prefix, address))?.[1] ?? null;
  }

  #isFresh(): boolean {
    const now = this.#ports.clock();
    if (now - this.#glancedAt > glance_ms) {
      this.#glancedAt = now;
      const change = this.#ports.change();
      if (change !== this.#change) this.#knownAt = Number.NEGATIVE_INFINITY;
      this.#change = change;
    }
    return now - this.#knownAt <= fresh_ms;
  }

  #gateways(): Spared[] {
    const four = rows(this.#ports.read('/proc/net/route')).flatMap(([, to, via, , , , , mask]) =>
      to === '00000000' && mask === '00000000' && via !== undefined ? [fromRoute4(via)] : [],
    );
    const six = rows(this.#ports.read('/proc/net/ipv6_route')).flatMap(([to, bits, , , via]) =>
      bits === '00' && /^0+$/.test(to ?? '') && via !== undefined ? [fromRoute6(via)] : [],
    );
    return [...four, ...six]
      .filter((address) => address !== '0.0.0.0' && address !== '::')
      .flatMap((address) => spare(address, 'ERR_GUARD_GATEWAY', `${address} is the default gateway`));
  }

  #logins(): Spared[] {
    const logins = this.#ports.logins();
    if (logins.length === 0) return [];
    const isAdmin = this.#adminTest();
    return logins
      .filter(({ user }) => isAdmin(user))
      .flatMap(({ user, address }) => spare(address, 'ERR_GUARD_ADMIN', `${user} is logged in from ${address}`));
  }

  #adminTest(): (user: string) => boolean {
    if (this.#admins.includes('*')) return () => true;
    const groups = this.#ports
      .read('/etc/group')
      .split('\n')
      .map((line) => line.split(':'));
    const chosen = groups.filter(([name]) => this.#admins.includes(`@${name}`));
    const members = new Set(chosen.flatMap(([, , , list = '']) => list.split(',')));
    const ids = new Set(chosen.map(([, , id]) => id));
    const users = this.#ports
      .read('/etc/passwd')
      .split('\n')
      .map((line) => line.split(':'));
    const byId = new Set(users.filter(([, , , group]) => ids.has(group)).map(([name]) => name));
    return (user) => this.#admins.includes(user) || members.has(user) || byId.has(user);
  }
}

function spare(address: string, code: Refusal['code'], message: string): Spared[] {
  const prefix = parsePrefix(address);
  return prefix === null ? [] : [[prefix, { code, message }]];
}

function rows(table: string): string[][] {
  return table.split('\n').map((line) => line.trim().split(/\s+/));
}

/** `0101A8C0` is 192.168.1.1. */
function fromRoute4(hex: string): string {
  return (
    canonical(
      (hex.match(/../g) ?? [])
        .toReversed()
        .map((byte) => Number.parseInt(byte, 16))
        .join('.'),
    ) ?? '0.0.0.0'
  );
}

function fromRoute6(hex: string): string {
  return canonical((hex.match(/.{4}/g) ?? []).join(':')) ?? '::';
}
