/**
 * `npm run test:debian [-- 13 12 11] [-- --keep]`: boots Debian in containers, installs the package, and walks the whole
 * life of its administrator. Ends with the line `N passed, N failed, N skipped`.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { forPeople, type Step as Played } from '../demo/screen.ts';
import { bans, baseline } from './bans.ts';
import { close, enter, hearSignals } from './entrance.ts';
import { fail2ban } from './fail2ban.ts';
import { figures } from './figures.ts';
import { filters } from './filters.ts';
import { otherFirewalls } from './firewalls.ts';
import { type Release, suites } from './image.ts';
import { installation, lastDays } from './life.ts';
import { lockout } from './lockout.ts';
import { logs } from './logs.ts';
import { boot, type Machine, stop } from './machine.ts';
import { packagesIn } from './packages.ts';
import type { Packages, Step } from './step.ts';
import { takeover } from './takeover.ts';
import { tools } from './tools.ts';
import { web } from './web.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Only the steps whose name this regular expression finds, after the installation and the baseline. */
    only: { type: 'string' },
    /** Measures, too: two minutes more. */
    figures: { type: 'boolean', default: false },
    /** Where the packages are. */
    packages: { type: 'string', default: fileURLToPath(new URL('../../dist', import.meta.url)) },
    keep: { type: 'boolean', default: false },
    /** Inside: the folder that the machines write to. */
    inside: { type: 'string' },
  },
});

function releases(): Release[] {
  const known = Object.keys(suites).toReversed() as Release[];
  const unknown = positionals.filter((word) => !known.some((release) => release === word));
  if (unknown.length > 0) throw new Error(`Debian ${unknown.join(', ')}? known are ${known.join(', ')}`);
  return known.filter((release) => positionals.length === 0 || positionals.includes(release));
}

async function play(name: string, action: () => Promise<string | readonly string[]>): Promise<Played> {
  forPeople.begin(name);
  const started = performance.now();
  const took = () => Math.round(performance.now() - started);
  const played: Played = await action().then(
    (evidence) => ({ name, ok: true, took_ms: took(), evidence }),
    (error: unknown) => ({ name, ok: false, took_ms: took(), evidence: String(error) }),
  );
  forPeople.end(played);
  return played;
}

/** Each step is played, whatever became of those before it, except without a machine or a package. */
async function walk(release: Release, shelf: string, packages: Packages): Promise<Played[]> {
  forPeople.title(`Debian ${release}`);
  let booted: Machine | null = null;
  const first = await play(`Debian ${release} boots`, async () => {
    booted = await boot(release, shelf);
    return `running after ${(booted.boot_ms / 1000).toFixed(1)} s`;
  });
  const machine = booted as Machine | null;
  if (machine === null) return [first];
  const played = [first];
  try {
    for (const step of chosen()) played.push(await play(step.name, () => step.play({ machine, packages })));
    if (values.keep) await keep();
  } finally {
    await stop(machine);
  }
  return played;
}

/** Without these there is nothing to walk in. */
const always = [...installation, ...baseline];
const others = [
  ...[...bans, ...lockout, ...filters, ...logs, ...web, ...otherFirewalls, ...tools, ...fail2ban, ...takeover],
  ...(values.figures ? figures : []),
  ...lastDays,
];

function chosen(): readonly Step[] {
  const wanted = new RegExp(values.only ?? '');
  return [...always, ...others.filter(({ name }) => wanted.test(name))];
}

async function keep(): Promise<void> {
  console.error(
    'It runs on; a shell in it: nsenter -t "$(pgrep -P "$(pgrep -n systemd-nspawn)")" -a sh -l\nEnd it with Ctrl-C.',
  );
  await new Promise(() => undefined);
}

async function main(): Promise<number> {
  if (values.inside === undefined) return await enter(import.meta.url, ['ssh'], releases());
  hearSignals();
  const started = performance.now();
  const packages = packagesIn(values.packages, values.inside);
  const played: Played[] = [];
  for (const release of releases()) played.push(...(await walk(release, values.inside, packages)));
  return close(played, started);
}

process.exit(await main());
