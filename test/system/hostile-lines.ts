/** A jail whose filter and lines are made to take long; meanwhile others are banned in time, and clients get answers. */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../../host-agent/control/client.ts';
import { agentLog, type Host, inKernel, startAgent } from '../world/host.ts';
import { until } from '../world/wait.ts';
import { makePair } from './host-scenes.ts';

const evil = ['evil', 'evil-lines'];
/** The bounds. */
const ban_ms_max = 1_000;
const ping_ms_max = 1_000;
const rounds = 8;

/** Nested quantifiers, overlapping alternations, counted repeats and back references: a hundred of them. */
function hostileRegexes(): string {
  const kinds = [
    (n: number) => `^(?:(?:(?:a?)*)*)*b x${n} <HOST>$`,
    (n: number) => `(?:a|b)*a(?:a|b){${50 + n}}c <HOST>`,
    (n: number) => `(?:[ab]{1,20}a[ab]{0,20}b){1,4}c${n} <HOST>`,
    (n: number) => `(?P<q>a+)+(?P=q)b.*x${n} <HOST>`,
    (n: number) => `^.*<HOST>.*(?!x)y${n}$`,
  ];
  return Array.from({ length: 100 }, (_, n) => kinds[n % kinds.length]?.(n) ?? '').join('\n            ');
}

/** All that a filter may say takes long here: prefregex, ignoreregex, datepattern, and regexes over several lines. */
const severalLines = `[Definition]
prefregex = ^(?:[ab1-9:. ]*)*<F-CONTENT>(?s:.+)</F-CONTENT>$
failregex = ^(?:(?:a|b|ab|ba)+)+<SKIPLINES>.*c <HOST>$
            ^(?P<q>(?:[ab]+)+)x(?:.*\\n)*?.*(?P=q)y <HOST>$
            (?=(?:.*a)*.*z)(?<!x)<HOST>
            (?:(?:\\w+[\\W_]?)+)+\\u202e <HOST>$
ignoreregex = (?:(?:\\d+[ .:]?)+)+z$
maxlines = 20
datepattern = ^(?:(?:\\d+[-:. ]?)+)+T%%Y
              ^%%Y-%%m-%%d %%H:%%M:%%S
`;

const hostileLines: readonly string[] = [
  // short ones, of which one reading holds many: together they would take the agent for seconds
  ...Array.from({ length: 400 }, (_, n) => `${'1:2:3.4 '.repeat(40)}${n} ${'ab'.repeat(40)} 1.2.3.4`),
  `${'aabbab'.repeat(10_000)}c 1.2.3.4`,
  'a'.repeat(1_048_576),
  ' from 1.2.3.4 y'.repeat(4_000),
  `${'ab'.repeat(524_288)} c`,
  `\u200f${'é:1 '.repeat(250_000)}`,
  '\u202e[a] \0\u2028é'.repeat(3_000),
  `${'a\u200f\u2067b\u2029'.repeat(40)} 1.2.3.4`,
  '1:2:3.4 '.repeat(100),
  // what a scan cannot rule out: a look ahead over all that follows
  `Q${'ab'.repeat(900)} 1.2.3.4`,
];

const jails = `
[sshd]
enabled = true
backend = auto
logpath = LOGS/auth.log
maxretry = 3

[evil]
enabled = true
backend = auto
filter = evil
logpath = LOGS/evil.log
maxretry = 3

[evil-lines]
enabled = true
backend = auto
logpath = LOGS/evil.log
maxretry = 3
`;

export async function hostileScene(): Promise<unknown> {
  const { host } = await makePair('');
  const logs = join(host.folder, 'logs');
  mkdirSync(logs, { recursive: true });
  for (const name of ['auth.log', 'evil.log']) writeFileSync(join(logs, name), '');
  writeFileSync(join(host.config, 'filter.d/evil.conf'), `[Definition]\nfailregex = ${hostileRegexes()}\n`);
  writeFileSync(join(host.config, 'filter.d/evil-lines.conf'), severalLines);
  writeFileSync(join(host.config, 'jail.local'), jails.replaceAll('LOGS', logs));
  await startAgent(host);
  const stop = new AbortController();
  const flooding = flood(join(logs, 'evil.log'), stop.signal);
  const measured = await play(host, join(logs, 'auth.log')).finally(() => stop.abort());
  await flooding;
  const givenUp = Object.fromEntries(
    await Promise.all(evil.map(async (jail) => [jail, await givenUpIn(host, jail)] as const)),
  );
  const told = agentLog(host)
    .split('\n')
    .filter((line) => line.includes(' took too long on a line'));
  // the jail and what of it: `[evil] failregex 3`
  const regexes = told.map((line) => /\[evil(?:-lines)?\] \w+(?: \d+)?/.exec(line)?.[0]);
  if (new Set(regexes).size !== regexes.length) throw new Error(`told more than once: ${told.join('\n')}`);
  const { ban_ms, ping_ms } = measured;
  const share = othersShare();
  if (Math.max(...ban_ms) > ban_ms_max * share || Math.max(...ping_ms) > ping_ms_max * share)
    throw new Error(`bans after ${ban_ms.join(', ')} ms, pings after ${ping_ms.join(', ')} ms`);
  return { ...measured, givenUp, told: told.length, slowed: agentLog(host).includes('read half of the time') };
}

/** How many want each processor, where it is more than one: others may be at work here. */
function othersShare(): number {
  return Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}

/** How many lines a jail has counted as too dear: there must be some, and the log must tell of them. */
async function givenUpIn(host: Host, jail: string): Promise<number> {
  let count = 0;
  await until(`lines that ${jail} gives up`, async () => {
    const reply = await request(host.socket, ['get', jail, 'givenup'], { timeout: 20 });
    if ('ok' in reply && typeof reply.ok === 'number') count = reply.ok;
    return count > 0 && new RegExp(`\\[${jail}\\] .* took too long on a line`).test(agentLog(host));
  });
  return count;
}

/** More than the agent can read, always; the log is begun anew before it fills the disk. */
async function flood(file: string, signal: AbortSignal): Promise<void> {
  const block = Buffer.from(
    hostileLines
      .map((line) => `${stamp()}${line}\n`)
      .join('')
      .toWellFormed(),
  );
  const invalid = Buffer.concat([
    Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x0a]),
    Buffer.alloc(1 << 20, 'ab\xff\xfe', 'latin1'),
    Buffer.from('\n'),
  ]);
  for (let written = 0; !signal.aborted; written += block.length) {
    if (written > 200_000_000) {
      rmSync(file);
      written = 0;
    }
    appendFileSync(file, Buffer.concat([block, invalid]));
    await sleep(20);
  }
}

/** Failures of one address after the other; how long after the last one each was in the kernel, and a ping meanwhile. */
async function play(host: Host, log: string): Promise<{ ban_ms: number[]; ping_ms: number[] }> {
  const ban_ms: number[] = [];
  const ping_ms: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const address = `198.51.100.${round + 10}`;
    for (let n = 0; n < 3; n += 1)
      appendFileSync(log, `${stamp()}sshd[${n + 1}]: Failed password for root from ${address} port 4000 ssh2\n`);
    const began = performance.now();
    const pinged = request(host.socket, ['ping'], { timeout: 20 }).then(() =>
      ping_ms.push(Math.round(performance.now() - began)),
    );
    await until(`the ban of ${address}`, async () => (await inKernel(host, 'addr-set-sshd')).includes(address));
    ban_ms.push(Math.round(performance.now() - began));
    await pinged;
  }
  return { ban_ms, ping_ms };
}

function stamp(): string {
  const [date, time] = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().split(/[T.]/);
  return `${date} ${time} host-a `;
}
