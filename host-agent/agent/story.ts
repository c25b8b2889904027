/** What `explain` tells of an id: asked of every jail, its filter, its counts, its bans, and of the firewall itself. */
import { canonical, overlaps, parsePrefix } from '../../shared/address.ts';
import { Counters, countingLimits } from '../../shared/engine/findtime.ts';
import { describeError } from '../../shared/errors.ts';
import type { Filter } from '../../shared/filter/filter.ts';
import type { BanStory, JailStory, LineStory, Story } from '../../shared/story.ts';
import type { Ban, Failure } from '../../shared/ticket.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import type { Jail } from './jail.ts';
import type { Core, EdgeLink } from './parts.ts';
import type { JailPlan } from './plan.ts';

const history_max = 20;

export interface StoryParts extends Core {
  readonly jails: readonly Jail[];
  /** Jails that do not run, with actions all the same. */
  readonly leftOut: readonly Jail[];
  /** A filter of the jail's own, which nobody else feeds. */
  compile(plan: JailPlan): Filter | null;
  /** Null: the host is not enrolled. */
  readonly link: Pick<EdgeLink, 'explain'> | null;
}

/** Writes nothing. */
export async function storyOf(parts: StoryParts, text: string): Promise<Story> {
  const id = canonical(text) ?? text;
  const now = parts.parts.now();
  const all = [...parts.jails, ...parts.leftOut];
  const told = await Promise.all(all.map((jail) => jailStory(parts, jail, id, now)));
  const jails = told.filter(isTold);
  return {
    id,
    now,
    jails,
    guard: guardOf(parts, id),
    strangers: all.map(({ name }) => name).filter((name) => !jails.some(({ jail }) => jail === name)),
    holders: holdersOf(parts, id, now),
    ...(await edgeOf(parts.link, id)),
  };
}

function guardOf({ engine }: Core, id: string): Story['guard'] {
  const prefix = parsePrefix(id);
  return prefix === null ? null : engine.guard.check(prefix);
}

/** The edge knows addresses only. */
async function edgeOf(link: StoryParts['link'], id: string): Promise<Pick<Story, 'edge' | 'edgeTrouble'>> {
  if (link === null || canonical(id) === null) return { edge: null, edgeTrouble: null };
  try {
    return { edge: await link.explain(id), edgeTrouble: null };
  } catch (error) {
    return { edge: null, edgeTrouble: describeError(error) };
  }
}

function holdersOf({ parts }: Core, id: string, now: UnixTime): Story['holders'] {
  const live = parts.store.holders.of(id).filter(({ lifted, until }) => !lifted && !isOver(until, now));
  return live.map(({ host, jail, at, until }) => ({ host, jail, at, until }));
}

/** A jail that only would spare it has nothing to tell, unless nothing else has. */
function isTold({ counter, ban, past, history, spared }: JailStory): boolean {
  return counter !== null || ban !== null || past !== null || history.length > 0 || spared !== null;
}

async function jailStory(parts: StoryParts, jail: Jail, id: string, now: UnixTime): Promise<JailStory> {
  const { store } = parts.parts;
  const { name, rules } = jail;
  const ban = parts.engine.heldBy(name, id)[0] ?? networkWith(parts, name, id);
  const counter = parts.engine.counter(name, ban?.id ?? id);
  // a ban begins the count anew
  const matches = [ban?.matches ?? [], counter?.matches ?? []].filter(({ length }) => length > 0);
  const bans = store.bans.history(ban?.id ?? counter?.id ?? id, history_max);
  return {
    jail: name,
    leftOut: parts.leftOut.includes(jail),
    maxretry: rules.maxretry,
    findtime: rules.findtime,
    bantime: rules.bantime,
    spared: sparedBy(parts, jail, id),
    lines: matches.length === 0 ? [] : allLines(parts.compile(jail.plan), matches, rules, now),
    counter: counter === null ? null : { ...pick(counter), first: counter.first, last: counter.time },
    ban: ban === null ? null : banStory(ban),
    actions: ban === null ? [] : await jail.statesOf(ban),
    past: store.bans.past(name, ban?.id ?? id),
    history: bans.filter((one) => one.jail === name).map(banStory),
  };
}

/** The network that is banned and has the address in it. */
function networkWith({ parts }: Core, jail: string, id: string): Ban | null {
  const address = parsePrefix(id);
  if (address === null) return null;
  const networks = parts.store.bans.networksIn(jail).filter((ban) => {
    const network = parsePrefix(ban.id);
    return network !== null && network.bits <= address.bits && overlaps(network, address);
  });
  return networks[0] ?? null;
}

function pick({ retry, failures }: { readonly retry: number; readonly failures: number }) {
  return { retry, failures };
}

function banStory({ at, until, bantime, count, failures }: Ban): BanStory {
  return { at, until, bantime, count, failures };
}

function sparedBy({ engine }: Core, jail: Jail, id: string): JailStory['spared'] {
  const ignored = engine.ignored(jail.name, { id, ip: canonical(id) });
  if (ignored === null)
    return jail.hasLetOff(id) ? { by: 'ignorecommand', entry: jail.plan.ignorecommand ?? '' } : null;
  return ignored.by === 'guard'
    ? { by: 'guard', entry: ignored.message }
    : { by: ignored.by === 'self' ? 'ignoreself' : `ignoreip (${ignored.by})`, entry: ignored.entry };
}

function allLines(
  filter: Filter | null,
  parts: readonly (readonly string[])[],
  rules: JailPlan['rules'],
  now: UnixTime,
): LineStory[] {
  return parts.flatMap((lines) => linesOf(filter, lines, rules, now));
}

/** The lines once more through the jail's filter and its way of counting, one after the other. */
function linesOf(
  filter: Filter | null,
  lines: readonly string[],
  rules: JailPlan['rules'],
  now: UnixTime,
): LineStory[] {
  const counters = new Counters('explain', countingLimits);
  return lines.map((line) => {
    const result = filter?.process({ bytes: Buffer.from(line) }, now, 'unchecked');
    const failure = result?.failures[0];
    const count = failure === undefined ? null : counters.add({ ...plain(failure), matches: [] }, rules);
    const index = result?.hits[0];
    const regex = index === undefined ? null : { index, text: filter?.failregex[index] ?? '' };
    return {
      line,
      time: result?.time ?? null,
      regex,
      marks: failure === undefined ? [] : marksIn(line, failure),
      count,
    };
  });
}

function plain({ id, ip, time }: Failure): Pick<Failure, 'id' | 'ip' | 'time'> {
  return { id, ip, time };
}

/** Where what was caught stands in the line, from the left; what stands inside another is not marked twice. */
function marksIn(line: string, { id, groups }: Failure): [number, number][] {
  const values = [id, ...Object.values(groups)].filter((value) => value !== '');
  const found = [...new Set(values)].flatMap((value): [number, number][] => {
    const at = line.indexOf(value);
    return at < 0 ? [] : [[at, at + value.length]];
  });
  const ordered = found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  return ordered.filter(([from, to], index) => !ordered.slice(0, index).some((one) => one[0] <= from && to <= one[1]));
}
