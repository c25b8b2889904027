/** What is to be made, taken away and noted anew in one scope so that it has what is wanted: pure. */
import type { Seconds, UnixTime } from '../../../shared/time.ts';
import { commentFor, endMark, markOf } from '../mark.ts';
import { isSetAside } from '../set-aside.ts';
import type { RuleMemory, ScopeState } from './memory.ts';
import type { Cut, Piece } from './pieces.ts';

/** Cloudflare takes 50,000 access rules in an account, all zones and tools together; some are left to the others. */
export const rules_max = 40_000;
/** How long somebody else's rule is believed to be there still. */
const foreign_s: Seconds = 3600;

export interface NewRule extends Piece {
  readonly address: string;
  readonly notes: string;
}

export interface Plan {
  readonly create: readonly NewRule[];
  readonly remove: readonly RuleMemory[];
  /** Ours and still wanted, but with another action; the most important first. */
  readonly change: readonly { readonly rule: RuleMemory; readonly next: NewRule }[];
  /** Ours and still wanted, but their notes tell an old end. */
  readonly renote: readonly { readonly rule: RuleMemory; readonly notes: string }[];
  readonly ours: number;
  readonly missing: number;
  readonly surplus: number;
  readonly leftOut: readonly string[];
  readonly foreign: readonly string[];
  readonly refused: readonly string[];
}

export interface Holding {
  readonly rules: Iterable<RuleMemory>;
  readonly setAside: ScopeState['setAside'];
  readonly instance: string;
  /** How many rules of ours the scope may have. */
  readonly room: number;
}

export function planFor(wanted: Cut, holding: Holding, now: UnixTime): Plan {
  const { ours, extra, others } = sortRules(holding.rules, now);
  const waits = (address: string) => isSetAside(holding.setAside, address, now);
  const { kept, leftOut } = chosen(wanted, holding.room);
  const absent = [...kept].filter((address) => !ours.has(address));
  const missing = absent.filter((address) => !others.has(address) && !waits(address));
  const surplus = [...extra, ...[...ours.values()].filter(({ address }) => !kept.has(address))];
  const change = [...kept].flatMap((address) => {
    const rule = ours.get(address);
    const [next] = newRule(wanted, address, holding.instance);
    if (rule === undefined || next === undefined || next.action === rule.action || waits(address)) return [];
    return [{ rule, next }];
  });
  return {
    create: missing.flatMap((address) => newRule(wanted, address, holding.instance)),
    change,
    remove: surplus.filter(({ address }) => !waits(address)),
    renote: [...ours.values()].flatMap((rule) => (waits(rule.address) ? [] : stale(wanted, rule, holding.instance))),
    ours: ours.size + extra.length,
    missing: missing.length + change.length,
    surplus: surplus.length,
    leftOut,
    foreign: absent.filter((address) => others.has(address)),
    refused: absent.filter((address) => !others.has(address) && waits(address)),
  };
}

/** Two rules of ours for one address differ in its spelling: one is too many. */
function sortRules(rules: Iterable<RuleMemory>, now: UnixTime) {
  const ours = new Map<string, RuleMemory>();
  const extra: RuleMemory[] = [];
  const others = new Set<string>();
  for (const rule of rules) {
    if (!rule.mine) {
      if (rule.seenAt + foreign_s > now) others.add(rule.address);
    } else if (ours.has(rule.address)) extra.push(rule);
    else ours.set(rule.address, rule);
  }
  return { ours, extra, others };
}

/** Whole bans, as far as there is room. */
function chosen({ bans }: Cut, room: number): { kept: ReadonlySet<string>; leftOut: string[] } {
  const kept = new Set<string>();
  const leftOut: string[] = [];
  for (const [ban, pieces] of bans) {
    const more = pieces.filter((piece) => !kept.has(piece));
    if (kept.size + more.length > room) leftOut.push(ban);
    else for (const piece of more) kept.add(piece);
  }
  return { kept, leftOut };
}

function newRule({ pieces }: Cut, address: string, instance: string): NewRule[] {
  const piece = pieces.get(address);
  return piece === undefined ? [] : [{ ...piece, address, notes: commentFor(instance, piece.until, piece.comment) }];
}

function stale({ pieces }: Cut, rule: RuleMemory, instance: string): Plan['renote'] {
  const piece = pieces.get(rule.address);
  if (piece === undefined || `${rule.notes} `.startsWith(endMark(markOf(instance), piece.until))) return [];
  return [{ rule, notes: commentFor(instance, piece.until, piece.comment) }];
}
