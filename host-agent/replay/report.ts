/** A replay's findings as text for a terminal. */
import { durationText, timeText } from '../agent/wording.ts';
import type { BanFinding, Difference, JailFinding, TrialFinding } from './findings.ts';
import type { Reading } from './replay.ts';

const listed_max = 50;

export interface Timing {
  readonly reading: Reading;
  readonly streams: readonly string[];
  readonly seconds: number;
}

export function heading({ reading, streams, seconds }: Timing): string[] {
  const { lines, first, last, givenUp } = reading;
  const from = first === null ? '' : `, ${timeText(first)} to ${timeText(last)}`;
  const pace = `${seconds.toFixed(1)} s, ${Math.round(lines / Math.max(seconds, 0.001))} lines/s`;
  const slow = givenUp === 0 ? [] : [`${givenUp} line(s) took more than their time, and count as misses`];
  return [`Replayed ${lines} lines of ${streams.join(', ') || 'no log'}${from} (${pace})`, ...slow];
}

export function trialText(finding: TrialFinding, all: boolean): string[] {
  const bans = all ? finding.bans : finding.bans.slice(-listed_max);
  const more = finding.bans.length - bans.length + finding.unlisted;
  return [
    ...finding.jails.flatMap(jailText),
    ...lockedOutText(finding),
    ...(bans.length === 0 ? [] : ['', ...table(banHead, bans.map(banRow))]),
    ...(more === 0 ? [] : [`… and ${more} bans before them${all ? '' : ' (--all lists them)'}`]),
  ];
}

function jailText(jail: JailFinding): string[] {
  const ignored = jail.ignored === 0 ? '' : ` (${jail.ignored} of them spared)`;
  const now = jail.in_force_now === null ? '' : `, ${jail.in_force_now} of them are banned now`;
  const only = jail.only_now ?? [];
  const others = only.length === 0 ? [] : [`   banned now, and not by this: ${shortList(only)}`];
  return [
    `[${jail.jail}] ${jail.failures} failures${ignored}, ${jail.bans} bans of ${jail.addresses} addresses; ` +
      `${jail.in_force} would be in force${now}`,
    ...others,
  ];
}

/** The addresses from which somebody came in while this would have banned them. */
function lockedOutText({ bans }: TrialFinding): string[] {
  const locked = bans.filter(({ login }) => login?.lockedOut === true);
  if (locked.length === 0) return [];
  const rows = locked
    .slice(-listed_max)
    .map(({ jail, id, login }) => `   [${jail}] ${id}: ${login?.user} at ${timeText(login?.at ?? null)}`);
  return [`Would have been locked out, though they could log in (${locked.length}):`, ...rows];
}

function shortList(ids: readonly string[]): string {
  const shown = ids.slice(0, 10).join(', ');
  return ids.length > 10 ? `${shown} and ${ids.length - 10} more` : shown;
}

const banHead = ['Banned at', 'Until', 'For', 'Jail', 'Failures', 'Time', 'Now', 'Address'];

function banRow({ at, until, bantime, jail, failures, count, now, id }: BanFinding): string[] {
  const held = now === null ? '?' : now ? 'yes' : 'no';
  return [timeText(at), timeText(until), durationText(bantime), jail, String(failures), String(count), held, id];
}

export function compareText(
  before: TrialFinding,
  after: TrialFinding,
  found: readonly Difference[],
  all: boolean,
): string[] {
  const shown = all ? found : found.slice(0, listed_max);
  const rows = shown.map(({ jail, id, before: a, after: b, lockedOut }) => [
    ...[jail, String(a), String(b), lockedOut === null ? '' : `${lockedOut.user} at ${timeText(lockedOut.at)}`, id],
  ]);
  const locked = found.filter(({ lockedOut }) => lockedOut !== null).length;
  return [
    ...after.jails.map((jail, at) => jailChange(before.jails[at], jail)),
    `${found.length} addresses are treated differently; ${locked} of them would newly have been locked out`,
    ...(rows.length === 0 ? [] : ['', ...table(['Jail', 'Bans before', 'Bans after', 'Locked out', 'Address'], rows)]),
    ...(shown.length === found.length ? [] : [`… and ${found.length - shown.length} more (--all lists them)`]),
  ];
}

function jailChange(before: JailFinding | undefined, after: JailFinding): string {
  const change = (name: 'failures' | 'bans' | 'addresses' | 'in_force') => `${before?.[name] ?? 0} → ${after[name]}`;
  return `[${after.jail}] failures ${change('failures')}, bans ${change('bans')}, addresses ${change('addresses')}, in force ${change('in_force')}`;
}

/** Columns as wide as they need to be; the last one is what an attacker may have made long. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => all.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
