/** Generates logs to measure with: the same seed, the same bytes. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { randomOf } from '../random.ts';

/** What the lines are mixed from. */
class Mixer {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  of<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  address(): string {
    if (this.chance(0.9)) return `${1 + this.below(222)}.${this.below(256)}.${this.below(256)}.${1 + this.below(254)}`;
    const part = () => this.below(65_536).toString(16);
    return `2001:db8:${part()}:${part()}::${part()}`;
  }
}

const users = ['root', 'admin', 'ubuntu', 'test', 'oracle', 'postgres', 'git', 'pi', 'deploy', 'backup'] as const;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number) => String(value).padStart(2, '0');

/** `Jun 14 11:52:03`, `line` lines spread over the first days of June. */
function syslogTime(line: number): string {
  const at = new Date(Date.UTC(2026, 5, 1) + line * 700);
  return `${months[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

function clfTime(line: number): string {
  const at = new Date(Date.UTC(2026, 5, 1) + line * 700);
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return `${two(at.getUTCDate())}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}:${clock} +0000`;
}

/** An sshd's failures of mixed kinds; `pid` is the session's. */
const failures: readonly [(mix: Mixer) => string, ...((mix: Mixer) => string)[]] = [
  (mix) => `Failed password for ${mix.of(users)} from ${mix.address()} port ${1024 + mix.below(60_000)} ssh2`,
  (mix) =>
    `Failed password for invalid user ${mix.of(users)}${mix.below(90)} from ${mix.address()} port ${1024 + mix.below(60_000)} ssh2`,
  (mix) => `Invalid user ${mix.of(users)}${mix.below(90)} from ${mix.address()} port ${1024 + mix.below(60_000)}`,
  (mix) =>
    `maximum authentication attempts exceeded for ${mix.of(users)} from ${mix.address()} port ${1024 + mix.below(60_000)} ssh2 [preauth]`,
  (mix) => `User ${mix.of(users)} from ${mix.address()} not allowed because not listed in AllowUsers`,
  (mix) =>
    `Received disconnect from ${mix.address()} port ${1024 + mix.below(60_000)}:3: com.jcraft.jsch.JSchException: Auth fail [preauth]`,
];

/** What else stands in an auth.log. */
const others: readonly [(mix: Mixer) => string, ...((mix: Mixer) => string)[]] = [
  (mix) => `CRON[${mix.below(30_000)}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)`,
  (mix) => `CRON[${mix.below(30_000)}]: pam_unix(cron:session): session closed for user root`,
  (mix) => `sudo:   deploy : TTY=pts/${mix.below(9)} ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/systemctl restart app`,
  (mix) => `systemd-logind[612]: New session ${mix.below(90_000)} of user ${mix.of(users)}.`,
  (mix) => `systemd-logind[612]: Session ${mix.below(90_000)} logged out. Waiting for processes to exit.`,
  (mix) => `sshd[${mix.below(30_000)}]: pam_unix(sshd:session): session closed for user ${mix.of(users)}`,
  (mix) => `sshd[${mix.below(30_000)}]: Server listening on 0.0.0.0 port 22.`,
  (mix) =>
    `sshd[${mix.below(30_000)}]: Starting session: shell on pts/${mix.below(9)} for ${mix.of(users)} from ${mix.address()} port ${1024 + mix.below(60_000)} id 0`,
];

function authLine(line: number, mix: Mixer): string {
  const message = mix.chance(0.4) ? `sshd[${mix.below(30_000)}]: ${mix.of(failures)(mix)}` : mix.of(others)(mix);
  return `${syslogTime(line)} web1 ${message}`;
}

const pages = [
  '/',
  '/index.html',
  '/css/site.css',
  '/js/app.js',
  '/blog/2026/06/a-post',
  '/images/logo.png',
  '/api/v1/items',
] as const;
const probes = [
  '/wp-admin/',
  '/phpmyadmin/index.php',
  '/cgi-bin/test',
  '/scripts/setup.php',
  '/roundcube/',
  '/webmail/',
] as const;
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'curl/8.9.1',
  'Mozilla/5.0 zgrab/0.x',
] as const;

function accessLine(line: number, mix: Mixer): string {
  const isProbe = mix.chance(0.4);
  const path = isProbe ? mix.of(probes) : mix.of(pages);
  const status = isProbe ? 404 : mix.of([200, 200, 200, 304, 301]);
  const request = `${mix.of(['GET', 'GET', 'POST'])} ${path} HTTP/1.1`;
  return `${mix.address()} - - [${clfTime(line)}] "${request}" ${status} ${mix.below(90_000)} "-" "${mix.of(agents)}"`;
}

export const logKinds = { 'auth.log': authLine, 'access.log': accessLine } as const;
export type LogKind = keyof typeof logKinds;

/** Writes `lines` lines in pieces. */
export function writeLog(path: string, kind: LogKind, lines: number, seed: number): void {
  const mix = new Mixer(seed);
  const make = logKinds[kind];
  const fd = openSync(path, 'w');
  try {
    for (let line = 0; line < lines; ) {
      let piece = '';
      for (const end = Math.min(lines, line + 5_000); line < end; line += 1) piece += `${make(line, mix)}\n`;
      writeSync(fd, piece);
    }
  } finally {
    closeSync(fd);
  }
}
