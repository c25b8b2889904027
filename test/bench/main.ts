/** `npm run bench`: edgeban-regex beside fail2ban-regex and sshguard's parser, on generated logs; the gate; the edge. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureGate } from './gate.ts';
import { type LogKind, writeLog } from './logs.ts';
import { type Run, runMeasured } from './measure.ts';
import { slowShare } from './slow-path.ts';

const root = join(import.meta.dirname, '../..');
const ours = join(root, 'host-agent/bin/edgeban-regex');
/** fail2ban is slow: it gets the begin of the log, and the counts of the begin are compared. */
const theirLinesMax = 100_000;
const seed = 20_260_601;

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    config: { type: 'string' },
    /** `regex`, `gate` or `edge`: that part alone. */
    only: { type: 'string' },
  },
});
const parts = ['regex', 'gate', 'edge'];
if (values.only !== undefined && !parts.includes(values.only)) throw new Error(`--only takes ${parts.join(', ')}`);
const takes = (part: string) => values.only === undefined || values.only === part;
const lines = Number(values.lines);
if (!Number.isInteger(lines) || lines < 1) throw new Error('--lines takes a whole number');

/** fail2ban-regex: of a checkout (F2B_CHECKOUT) or installed; null where there is none. */
function fail2ban(): { command: string[]; env: Record<string, string>; config: string } | null {
  const checkout = process.env['F2B_CHECKOUT'];
  if (checkout !== undefined && existsSync(join(checkout, 'bin/fail2ban-regex'))) {
    const command = ['python3', join(checkout, 'bin/fail2ban-regex')];
    return { command, env: { PYTHONPATH: checkout }, config: join(checkout, 'config') };
  }
  const installed = spawnSync('fail2ban-regex', ['-V']).status === 0;
  return installed ? { command: ['fail2ban-regex'], env: {}, config: '/etc/fail2ban' } : null;
}

const sshguardPaths = [
  '/usr/libexec/sshguard/sshg-parser',
  '/usr/libexec/sshg-parser',
  '/usr/lib/sshguard/sshg-parser',
];

interface Case {
  readonly kind: LogKind;
  readonly filter: string;
  readonly sshguard: boolean;
}

const cases: readonly Case[] = [
  { kind: 'auth.log', filter: 'sshd', sshguard: true },
  { kind: 'access.log', filter: 'nginx-botsearch', sshguard: false },
];

const theirs = fail2ban();
const config = values.config ?? theirs?.config ?? join(root, 'host-agent/etc');
const folder = mkdtempSync(join(tmpdir(), 'edgeban-bench-'));
let failed = false;
try {
  for (const one of takes('regex') ? cases : []) failed = measure(one) || failed;
} finally {
  rmSync(folder, { recursive: true });
}
if (takes('gate') || takes('edge')) failed = (await measureGate()) || failed;
if (takes('edge'))
  failed = spawnSync(process.execPath, [join(root, 'test/bench/edge.ts')], { stdio: 'inherit' }).status !== 0 || failed;
process.exitCode = failed ? 1 : 0;

/** Prints the figures of one log; true if the counts differ. */
function measure({ kind, filter, sshguard }: Case): boolean {
  const log = join(folder, kind);
  writeLog(log, kind, lines, seed);
  console.log(`\n${kind}, ${lines} lines, filter ${filter} of ${config}`);
  const own = runMeasured([ours, '-c', config, log, `filter.d/${filter}.conf`], {});
  show('edgeban-regex', own, lines);
  const differs =
    theirs === null ? skip('fail2ban-regex', 'set F2B_CHECKOUT or install fail2ban') : compare(kind, filter, own);
  if (sshguard) measureSshguard(log, own);
  rmSync(log);
  return differs;
}

function compare(kind: LogKind, filter: string, own: Run): boolean {
  if (theirs === null) return false;
  const count = Math.min(lines, theirLinesMax);
  const begin = join(folder, `begin-${kind}`);
  // the same seed: the same first lines
  writeLog(begin, kind, count, seed);
  const args = ['-c', config, begin, `filter.d/${filter}.conf`];
  const their = runMeasured([...theirs.command, ...args], theirs.env);
  show('fail2ban-regex', their, count);
  const short = runMeasured([ours, ...args], {});
  const share = slowShare(begin, config, filter);
  rmSync(begin);
  const same = countsOf(short.output) === countsOf(their.output);
  console.log(
    `  ratio             ${(lines / own.seconds / (count / their.seconds)).toFixed(1)} × (by CPU time ${(lines / own.cpu_seconds / (count / their.cpu_seconds)).toFixed(1)} ×)`,
  );
  console.log(`  counts            ${same ? 'the same' : 'DIFFERENT'}: ${countsOf(their.output)}`);
  console.log(`  off the fast path ${(100 * share).toFixed(2)} % of the lines`);
  if (!same) console.log(`  edgeban           ${countsOf(short.output)}`);
  return !same;
}

function measureSshguard(log: string, own: Run): void {
  const given = process.env['SSHGUARD_PARSER'];
  const parser = given ?? sshguardPaths.find((path) => existsSync(path));
  if (parser === undefined) {
    skip("sshguard's parser", 'install the package sshguard, or set SSHGUARD_PARSER');
    return;
  }
  const run = runMeasured(['sh', '-c', '"$0" < "$1"', parser, log], {});
  show("sshguard's parser", run, lines);
  console.log(
    `  ratio             ${(run.seconds / own.seconds).toFixed(2)} × (by CPU time ${(run.cpu_seconds / own.cpu_seconds).toFixed(2)} ×; its rules are its own: attacks ${run.output.split('\n').length - 1})`,
  );
}

function show(name: string, { seconds, cpu_seconds, memory_mb }: Run, count: number): void {
  const rate = Math.round(count / seconds).toLocaleString('en');
  const load = (loadavg()[0] ?? 0).toFixed(1);
  console.log(
    `  ${name.padEnd(17)} ${rate} lines/s (${seconds.toFixed(2)} s, CPU ${cpu_seconds.toFixed(2)} s, load ${load}), peak ${memory_mb} MB`,
  );
}

function skip(name: string, reason: string): false {
  console.log(`  ${name.padEnd(17)} skipped: ${reason}`);
  return false;
}

/** The lines of a report that count. */
function countsOf(report: string): string {
  return (report.match(/^(?:Prefregex|Failregex|Ignoreregex|Lines): .*$/gm) ?? []).join('; ');
}
