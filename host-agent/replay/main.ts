/** `edgeban replay`: jails over past logs, touching nothing. */
import type { Finding } from '../../shared/config/finding.ts';
import { Guard } from '../../shared/engine/guard.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';
import { ownPrefixes } from '../agent/guard.ts';
import { IgnoreSources } from '../agent/ignore-sources.ts';
import { threadClock } from '../agent/ports.ts';
import { createProgress } from '../regex/progress.ts';
import { processScreen, type Screen } from '../regex/screen.ts';
import { Resolver } from '../system/dns.ts';
import { createRe2 } from '../system/re2.ts';
import { bannedNow } from './banned-now.ts';
import { differences, findingsOf, type TrialFinding } from './findings.ts';
import { help, parseReplayOptions, type ReplayOptions } from './options.ts';
import { Readers } from './readers.ts';
import { type Reading, replay } from './replay.ts';
import { compareText, heading, trialText } from './report.ts';
import { type Configured, readSettings } from './settings.ts';
import { type Stream, streamsOf } from './streams.ts';
import { Trial } from './trial.ts';

export interface ReplayWorld {
  readonly screen: Screen;
  now(): UnixTime;
  /** In [0, 1), for bantime.rndtime. */
  random(): number;
  addressesOf(name: string): Promise<readonly string[]>;
}

const failed = 255;

export function realWorld(): ReplayWorld {
  const resolver = new Resolver(Date.now);
  return {
    screen: processScreen(),
    now: () => Date.now() / 1000,
    random: Math.random,
    addressesOf: (name) => resolver.addresses(name),
  };
}

/** Runs the program; `argv` is what follows `edgeban replay`. Returns its exit code. */
export async function runReplay(argv: readonly string[], world: ReplayWorld): Promise<number> {
  const { screen } = world;
  try {
    const options = parseReplayOptions(argv, world.now());
    if (options.help) screen.out(help);
    else await tryOut(options, world);
    return 0;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    screen.err(`edgeban replay: ${describeError(error)}`);
    return failed;
  }
}

async function tryOut(options: ReplayOptions, world: ReplayWorld): Promise<void> {
  const settings = options.compare ? [[], options.settings] : [options.settings];
  const configured = settings.map((each) => readSettings(options, each));
  for (const { findings } of configured.slice(0, 1)) for (const finding of findings) warn(finding, world.screen);
  const trials: Trial[] = [];
  for (const each of configured) trials.push(await trialOf(each, world));
  const streams = streamsOf(configured[0]?.jails ?? [], options.logs, options);
  const began = performance.now();
  const reading = await run(streams, options, { configured, trials }, world);
  const seconds = (performance.now() - began) / 1000;
  const banned = await bannedNow(configured[0]?.socket ?? '');
  const found = trials.map((trial) => findingsOf(trial, banned, options.until));
  const logs = streams.map(({ name }) => name);
  if (options.json) world.screen.out(JSON.stringify({ logs, ...reading, seconds, ...jsonOf(found) }));
  else world.screen.out([...heading({ reading, streams: logs, seconds }), ...textOf(found, options)].join('\n'));
}

function run(
  streams: readonly Stream[],
  options: ReplayOptions,
  { configured, trials }: { readonly configured: readonly Configured[]; readonly trials: readonly Trial[] },
  world: ReplayWorld,
): Promise<Reading> {
  const re2 = createRe2();
  const open = ({ jails }: Stream) =>
    readersOf(jails, configured, new Readers({ re2, clock: threadClock, now: world.now }));
  const sizes = streams.map(({ bytes }) => bytes);
  const total = sizes.includes(null) ? null : sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
  const progress = createProgress(world.screen, total, Date.now);
  return replay(streams, trials, options, open, { resolve: world.addressesOf, progress });
}

function readersOf(jails: readonly string[], configured: readonly Configured[], readers: Readers): Readers {
  for (const [trial, { jails: plans }] of configured.entries())
    for (const plan of plans) if (jails.includes(plan.name)) readers.add(plan, { trial, jail: plan.name });
  return readers;
}

async function trialOf(configured: Configured, { screen, random, addressesOf }: ReplayWorld): Promise<Trial> {
  const { admins: _none, ...guard } = configured.guard;
  const trial = new Trial(new Guard({ ...guard, own: ownPrefixes() }), configured.remembered_s, random);
  const warning = (text: string) => screen.err(text);
  const log = { critical: warning, error: warning, warning, notice: warning, info: () => {}, debug: () => {} };
  const spared = new IgnoreSources({ addressesOf, log });
  const all = configured.jails.flatMap(({ ignoreip }) => ignoreip);
  await spared.read(all);
  await spared.resolve(all);
  for (const plan of configured.jails) trial.add(plan, spared.entriesOf(plan.ignoreip));
  return trial;
}

function warn({ severity, message, file, line, remedy, jail }: Finding, screen: Screen): void {
  // of warnings the configuration test tells
  if (severity !== 'error') return;
  const place = file === null ? '' : `${file}${line === null ? '' : `:${line}`}: `;
  const whose = jail === undefined ? '' : `[${jail}] `;
  screen.err(`${place}${whose}${message}${remedy === null ? '' : `; ${remedy}`}`);
}

function jsonOf([before, after]: readonly TrialFinding[]): object {
  if (before === undefined) throw new Error('there is always a trial');
  return after === undefined ? before : { before, after, differences: differences(before, after) };
}

function textOf([before, after]: readonly TrialFinding[], { all }: ReplayOptions): string[] {
  if (before === undefined) throw new Error('there is always a trial');
  return after === undefined ? trialText(before, all) : compareText(before, after, differences(before, after), all);
}
