/**
 * `npm run test:debian [-- 13 12 11] [-- --keep]`: boots Debian in containers, installs the package, and walks the whole
 * life of its administrator. Ends with the line `N passed, N failed, N skipped`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { forPeople, type Step as Played } from '../demo/screen.ts';
import { runInWorld } from '../world/enter.ts';
import { bans, baseline } from './bans.ts';
import { fail2ban } from './fail2ban.ts';
import { figures } from './figures.ts';
import { filters } from './filters.ts';
import { otherFirewalls } from './firewalls.ts';
import { makeImage, type Release, suites } from './image.ts';
import { installation, lastDays } from './life.ts';
import { logs } from './logs.ts';
import { boot, clearShelf, type Machine, makeShelf, stop } from './machine.ts';
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

const needed = ['debootstrap', 'systemd-nspawn', 'ip', 'nsenter', 'ssh', 'dpkg-deb'];

/** Why it cannot be done here; null where it can. */
function obstacle(): string | null {
  if (process.getuid?.() !== 0) return 'needs root, for systemd-nspawn';
  const missing = needed.filter((program) => spawnSync('which', [program]).status !== 0);
  return missing.length === 0 ? null : `missing: ${missing.join(', ')}`;
}

function releases(): Release[] {
  const known = Object.keys(suites).toReversed() as Release[];
  const unknown = positionals.filter((word) => !known.some((release) => release === word));
  if (unknown.length > 0) throw new Error(`Debian ${unknown.join(', ')}? known are ${known.join(', ')}`);
  return known.filter((release) => positionals.length === 0 || positionals.includes(release));
}

/** From outside: makes what needs the internet, gets namespaces and runs itself there. */
async function enter(): Promise<number> {
  const why = obstacle();
  if (why !== null) {
    console.log(`skipped: ${why}\n0 passed, 0 failed, 1 skipped`);
    return 0;
  }
  for (const release of releases()) {
    console.error(`image of Debian ${release} …`);
    await makeImage(release);
  }
  const shelf = makeShelf();
  const program = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  try {
    return await runInWorld([...program, '--inside', shelf]);
  } finally {
    await clearShelf(shelf);
  }
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
  ...[...bans, ...filters, ...logs, ...web, ...otherFirewalls, ...tools, ...fail2ban, ...takeover],
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
  if (values.inside === undefined) return await enter();
  // the first process of a namespace is deaf to what it does not ask for
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const started = performance.now();
  const packages = packagesIn(values.packages, values.inside);
  const played: Played[] = [];
  for (const release of releases()) played.push(...(await walk(release, values.inside, packages)));
  forPeople.close(played, performance.now() - started);
  const failed = played.filter(({ ok }) => !ok).length;
  console.log(`${played.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 ? 0 : 1;
}

process.exit(await main());
