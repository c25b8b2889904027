/** From a line to the kernel, on a Debian that is otherwise idle: what is written, and when `nft monitor` tells of the element. */
import { strict as assert } from 'node:assert';
import { type Machine, sh, write } from './machine.ts';
import { configFolder, withDropIn } from './service.ts';

/** Who writes the line: the program itself to a file or to the journal, or a program that speaks syslog. */
export type Way = 'file' | 'journal' | 'syslog';

interface Ears {
  readonly jail: string;
  /** Of the jail, without its name. */
  readonly reads: string;
}

/** A line that is said through syslog is in the journal and, where rsyslog runs, in auth.log. */
const ears: Readonly<Record<Way, readonly Ears[]>> = {
  file: [{ jail: 'latency-file', reads: 'backend = auto\nlogpath = /var/log/latency.log' }],
  journal: [{ jail: 'latency-journal', reads: 'backend = systemd\njournalmatch = SYSLOG_IDENTIFIER=latency' }],
  syslog: [
    { jail: 'latency-rsyslog', reads: 'backend = auto\nlogpath = /var/log/auth.log' },
    { jail: 'latency-journal', reads: 'backend = systemd\njournalmatch = SYSLOG_IDENTIFIER=latency' },
  ],
};

/** Runs inside: writes lines, one after the other; prints for each the milliseconds until each jail's set has the address. */
const stopwatch = `
const { spawn, execFileSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const [, , way, count, ...jails] = process.argv;
let heard = '';
let hear = () => undefined;
const monitor = spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
monitor.stdout.on('data', (text) => { heard += text; hear(); });
const hears = (words) => {
  const found = words.map(() => null);
  return new Promise((resolve) => {
    hear = () => {
      for (let i = 0; i < words.length; i++) if (heard.includes(words[i])) found[i] ??= performance.now();
      if (!found.includes(null)) resolve(found);
    };
    setTimeout(() => resolve(found), 20_000).unref();
    hear();
  });
};
/** Whose fault it was: the kernel has it, the jail has seen it, or neither. */
const miss = (words, found) => {
  const missed = words.filter((_, i) => found[i] === null);
  const show = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' }).trim();
  const jailsSaid = jails.map((jail) => show('edgeban-client', 'status', jail));
  const end = [heard.slice(-2000), show('nft', 'list', 'table', 'inet', 'f2b-table'), ...jailsSaid];
  throw new Error(['not heard of: ' + missed.join(' and '), ...end].join('\\n'));
};
const say = (program, ...args) => spawn(program, args, { stdio: ['pipe', 'ignore', 'inherit'] }).stdin;
const open = {
  journal: () => {
    const journal = say('systemd-cat', '-t', 'latency', 'cat');
    return (address) => journal.write('stopwatch saw ' + address + '\\n');
  },
  syslog: () => {
    const logger = say('logger', '-t', 'latency', '-p', 'authpriv.info');
    return (address) => logger.write('stopwatch saw ' + address + '\\n');
  },
  file: () => (address) =>
    require('node:fs').appendFileSync(
      '/var/log/latency.log', new Date().toISOString().slice(0, 19) + 'Z stopwatch saw ' + address + '\\n'),
};
(async () => {
  const write = open[way]();
  while (!heard.includes('stopwatch')) {
    execFileSync('nft', ['add table inet stopwatch; delete table inet stopwatch']);
    await sleep(20);
  }
  for (let i = 1; i <= count; i++) {
    const address = '203.0.113.' + (100 + i);
    const words = jails.map((jail) => 'addr-set-' + jail + ' { ' + address + ' ');
    const begun = performance.now();
    write(address);
    const found = await hears(words);
    if (found.includes(null)) miss(words, found);
    console.log(found.map((at) => at - begun).join(' '));
    await sleep(200 + Math.random() * 200);
  }
  monitor.kill();
  process.exit(0);
})().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
`;

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** One line for each jail: `latency-rsyslog: median 5.0 ms (3.1 to 9.0, n = 15)`. */
export async function latency(machine: Machine, way: Way, samples: number): Promise<string[]> {
  const filter = '[Definition]\nfailregex = stopwatch saw <HOST>$\n';
  await write(machine, `${configFolder}/filter.d/latency.conf`, filter);
  await write(machine, '/var/log/latency.log', '');
  await write(machine, '/root/stopwatch.cjs', stopwatch);
  const names = ears[way].map(({ jail }) => jail);
  const jails = ears[way].map(
    ({ jail, reads }) => `[${jail}]\nenabled = true\nfilter = latency\nport = 9\nmaxretry = 1\n${reads}\n`,
  );
  return await withDropIn(machine, jails.join('\n'), async () => {
    const printed = await sh(machine, `/usr/lib/edgeban/node /root/stopwatch.cjs ${way} ${samples} ${names.join(' ')}`);
    const rows = printed.split('\n').map((row) => row.split(' ').map(Number));
    assert.equal(rows.length, samples);
    return names.map((name, at) =>
      told(
        name,
        rows.map((row) => row[at] ?? Number.NaN),
      ),
    );
  });
}

function told(name: string, taken: readonly number[]): string {
  const [first, last] = [Math.min(...taken), Math.max(...taken)].map((ms) => ms.toFixed(1));
  return `${name}: median ${median(taken).toFixed(1)} ms (${first} to ${last}, n = ${taken.length})`;
}
