/** edgeban and fail2ban side by side: the same jail, the same lines, each with a table of its own. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netns } from '../actions/netns.ts';
import { Journald, whyNot } from '../sources/journald.ts';
import { type Daemon, Edgeban, Fail2ban, pause } from './daemon.ts';
import { failed, figure, Monitor, spread } from './monitor.ts';

const tables = { edgeban: 'ours', fail2ban: 'theirs' } as const;
/** Quiet enough for what looks seldom when nothing comes. */
const quiet_ms = 2_500;

interface Log {
  readonly name: string;
  /** Of the jail. */
  readonly source: readonly string[];
  write(address: string): void;
}

/** Prints how long each takes from a line to the element in the kernel: from a file, and from the journal. */
export async function besides(rounds: number, checkout: string | null): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-beside-'));
  try {
    await measure(fileIn(folder), folder, rounds, checkout === null ? null : { checkout, python: 'python3' });
    const why = whyNot();
    if (why !== null) return console.log(`\nfrom the journal: skipped, ${why}`);
    const journald = new Journald();
    try {
      while (!journald.ready) await pause(20);
      await measure(journalOf(journald), folder, rounds, checkout === null ? null : withJournal(checkout));
    } finally {
      await journald.remove();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function fileIn(folder: string): Log {
  const path = join(folder, 'auth.log');
  writeFileSync(path, '');
  const write = (address: string) => appendFileSync(path, failed(address).repeat(5));
  return { name: 'file', source: ['backend = auto', `logpath = ${path}`], write };
}

function journalOf(journald: Journald): Log {
  const id = journald.run(['cat', '/etc/machine-id']).trim();
  const say = journald.writer('sshd');
  const write = (address: string) => say(`Failed password for root from ${address} port 40022 ssh2\n`.repeat(5));
  const backend = `backend = systemd[journalpath=${join(journald.folder, 'journal', id)}]`;
  return { name: 'journal', source: [backend, 'journalmatch = SYSLOG_IDENTIFIER=sshd'], write };
}

interface Theirs {
  readonly checkout: string;
  readonly python: string;
}

/** A Python that has the journal. */
function withJournal(checkout: string): Theirs | null {
  const has = (python: string) => spawnSync(python, ['-c', 'import systemd.journal']).status === 0;
  const python = ['python3', '/usr/bin/python3'].find(has);
  return python === undefined ? null : { checkout, python };
}

async function measure(log: Log, folder: string, rounds: number, theirs: Theirs | null): Promise<void> {
  const netns = new Netns();
  const place = (name: keyof typeof tables) => join(folder, log.name, name);
  const site = (name: keyof typeof tables) => ({ netns, source: log.source, table: tables[name], jails: ['sshd'] });
  const daemons: Daemon[] = [new Edgeban(place('edgeban'), site('edgeban'))];
  if (theirs !== null) daemons.push(new Fail2ban(place('fail2ban'), theirs.checkout, site('fail2ban'), theirs.python));
  console.log(`\nfrom a line in the ${log.name} to the element in the kernel, side by side`);
  if (theirs === null)
    console.log('    fail2ban skipped: set F2B_CHECKOUT, and have a python3 that can read the journal');
  try {
    for (const daemon of daemons) await daemon.start();
    const used = theirs === null ? [tables.edgeban] : Object.values(tables);
    await rounded('lines often', log, netns, used, rounds, 120);
    await rounded(`a line after ${quiet_ms} ms of quiet`, log, netns, used, Math.ceil(rounds / 4), quiet_ms);
    for (const daemon of daemons) await daemon.stop();
  } finally {
    for (const daemon of daemons) await daemon.remove();
    netns.remove();
  }
}

let serial = 0;

async function rounded(
  name: string,
  log: Log,
  netns: Netns,
  used: readonly string[],
  rounds: number,
  pause_ms: number,
): Promise<void> {
  const monitor = await Monitor.listening(netns);
  const took = new Map(used.map((table): [string, number[]] => [table, []]));
  for (let i = 0; i < rounds; i += 1) {
    // not in step with anybody's clock
    await pause(pause_ms / 2 + ((i * 37) % pause_ms));
    serial += 1;
    const address = `203.0.${100 + (serial >> 8)}.${serial & 255}`;
    const seen = used.map((table) => monitor.seen(address, table));
    const began = performance.now();
    log.write(address);
    for (const [at, table] of used.entries()) took.get(table)?.push(((await seen[at]) ?? Number.NaN) - began);
  }
  monitor.close();
  for (const [program, table] of Object.entries(tables)) {
    const its = took.get(table);
    if (its !== undefined) figure(`${name}: ${program}`, spread(its));
  }
}
