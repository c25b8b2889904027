/** The values of the tags that a ban gives to its actions' commands: fail2ban's ActionInfo. */
import { canonical, parsePrefix } from '../../shared/address.ts';
import { captureOf, reverseName } from '../../shared/config/dynamic-tags.ts';
import { pythonRepr } from '../../shared/config/python-text.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { UnixTime, Until } from '../../shared/time.ts';
import type { TagValue } from './command-text.ts';
import type { Ticket, TicketFamily, TicketJail, TicketWorld } from './ticket-action.ts';

export const tagLimits = {
  /** How many bans of an id <ipmatches> and its like look back at. */
  history_max: 100,
  matches_chars_max: 30_000,
} as const;

/** A network has the family of its addresses; what is no address has none. */
export function familyOf(ban: Pick<Ban, 'id' | 'ip'>): TicketFamily {
  const prefix = parsePrefix(ban.ip ?? ban.id);
  return prefix === null ? '' : `inet${prefix.family}`;
}

type Values = Readonly<Record<string, () => TagValue>>;

/** `host`: what <ip-host> is, where the command asks for it. */
export function ticketTags(
  { ban, family, restored }: Ticket,
  jail: TicketJail,
  { names, now }: Pick<TicketWorld, 'names' | 'now'>,
  host: string,
): (tag: string) => TagValue | undefined {
  const address = ban.ip ?? ban.id;
  const values: Values = {
    ip: () => mine(canonical(address)) ?? theirs(address),
    fid: () => mine(canonical(ban.id)) ?? theirs(ban.id),
    family: () => ours(family === '' ? 'None' : family),
    'ip-rev': () => ours(reverseName(address)),
    'ip-host': () => theirs(host),
    failures: () => ours(String(ban.failures)),
    time: () => ours(pythonFloat(ban.at)),
    bantime: () => ours(String(Math.trunc(ban.bantime))),
    'bantime-left': () => ours(String(secondsLeft(ban.until, now()))),
    bancount: () => ours(String(ban.count)),
    restored: () => ours(restored ? '1' : '0'),
    matches: () => theirs(linesOf(ban.matches)),
    'raw-ticket': () => theirs(rawTicket(ban)),
    ...historyTags(ban, jail),
    ...figureTags(jail),
    ...nameTags(names),
  };
  return (tag) => (Object.hasOwn(values, tag) ? values[tag]?.() : captured(tag, ban));
}

/** The tags of the action's own steps: there is no ban (fail2ban hands in an empty one). */
export function ownTags(
  family: TicketFamily,
  jail: TicketJail,
  world: Pick<TicketWorld, 'names' | 'now'>,
): (tag: string) => TagValue | undefined {
  const at = world.now();
  const none = {
    jail: jail.name,
    id: '',
    ip: null,
    at,
    bantime: jail.bantime(),
    until: at,
    count: 0,
    failures: 0,
    matches: [],
  };
  const values = ticketTags({ ban: none, family, restored: false }, { ...jail, history: () => [] }, world, '');
  return (tag) => (tag === 'family' ? ours(family) : values(tag));
}

function nameTags({ full, short }: TicketWorld['names']): Values {
  return { 'fq-hostname': () => ours(full), 'sh-hostname': () => ours(short) };
}

function figureTags(jail: TicketJail): Values {
  const figure = (name: keyof ReturnType<TicketJail['figures']>) => () => ours(String(jail.figures()[name]));
  return {
    'jail.name': () => ours(jail.name),
    'jail.banned': figure('banned'),
    'jail.banned_total': figure('banned_total'),
    'jail.found': figure('found'),
    'jail.found_total': figure('found_total'),
  };
}

/** What is known of all bans of the id, this one among them. */
function historyTags(ban: Ban, jail: TicketJail): Values {
  const all = () => {
    const past = jail.history(ban.id).slice(0, tagLimits.history_max);
    return past.length === 0 ? [ban] : past;
  };
  const here = () => {
    const past = all().filter(({ jail: name }) => name === ban.jail);
    return past.length === 0 ? [ban] : past;
  };
  return {
    ipmatches: () => theirs(matchesOf(all())),
    ipjailmatches: () => theirs(matchesOf(here())),
    ipfailures: () => ours(String(failuresOf(all()))),
    ipjailfailures: () => ours(String(failuresOf(here()))),
  };
}

/** Oldest first. */
function matchesOf(bans: readonly Ban[]): string {
  return linesOf(bans.toReversed().flatMap(({ matches }) => matches));
}

function failuresOf(bans: readonly Ban[]): number {
  return bans.reduce((sum, { failures }) => sum + failures, 0);
}

/** edgeban's own <bantime-left>, for kernel time-outs (ipset's end at 2147483); 0 is for ever. */
function secondsLeft(until: Until, now: UnixTime): number {
  const left = until === null ? 0 : Math.max(1, Math.ceil(until - now));
  return left > 2_147_483 ? 0 : left;
}

/** The newest that fit. */
function linesOf(lines: readonly string[]): string {
  return lines.join('\n').slice(-tagLimits.matches_chars_max);
}

function captured(tag: string, ban: Ban): TagValue | undefined {
  const name = captureOf(tag);
  if (name === null) return undefined;
  const { groups = {} } = ban;
  const value = Object.hasOwn(groups, name) ? groups[name] : undefined;
  return value === undefined ? undefined : theirs(value);
}

/** As Python prints the ticket. */
function rawTicket({ id, at, bantime, count, failures, matches }: Ban): string {
  const lines = pythonRepr([...matches]).slice(0, tagLimits.matches_chars_max);
  return `BanTicket: ip=${id} time=${pythonFloat(at)} bantime=${bantime} bancount=${count} #attempts=${failures} matches=${lines}`;
}

function pythonFloat(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function ours(text: string): TagValue {
  return { text, ours: true };
}

function theirs(text: string): TagValue {
  return { text, ours: false };
}

/** An address in our own spelling is nobody's text. */
function mine(address: string | null): TagValue | undefined {
  return address === null ? undefined : ours(address);
}
