/** Bans cut into the widths that access rules take: IPv4 /16, /24 and single, IPv6 /32, /48, /64 and single. Pure. */
import { formatPrefix, type Prefix, parsePrefix, width } from '../../../shared/address.ts';
import { isOver, laterOf, type UnixTime, type Until } from '../../../shared/time.ts';
import type { Wanted } from '../contract.ts';

const widths = { 4: [16, 24, 32], 6: [32, 48, 64, 128] } as const;
/** A network that takes more rules than this is refused: it would use up the cap and the budget of calls by itself. */
const pieces_max = 256;

export interface Piece {
  readonly prefix: Prefix;
  readonly until: Until;
  readonly action: Wanted['action'];
  readonly comment: string;
}

export interface Cut {
  /** By canonical address, the most important first. */
  readonly pieces: ReadonlyMap<string, Piece>;
  /** Which pieces each ban is made of, in the same order. */
  readonly bans: ReadonlyMap<string, readonly string[]>;
  /** Bans of a width that pieces cannot make up (ERR_CLOUDFLARE_WIDTH). */
  readonly unfit: readonly string[];
}

/** The pieces that make up exactly this network; null if they would be too many. */
function piecesOf(prefix: Prefix): Prefix[] | null {
  const bits = widths[prefix.family].find((each) => each >= prefix.bits) ?? width(prefix.family);
  const log = bits - prefix.bits;
  if (2 ** log > pieces_max) return null;
  const size = 1n << BigInt(width(prefix.family) - bits);
  return Array.from({ length: 2 ** log }, (_, n) => ({ ...prefix, bits, first: prefix.first + BigInt(n) * size }));
}

/** A piece of several bans does the strongest that one of them asks for, until the last of those ends. */
export function cut(wanted: readonly Wanted[], now: UnixTime): Cut {
  const pieces = new Map<string, Piece>();
  const bans = new Map<string, readonly string[]>();
  const unfit: string[] = [];
  for (const { address, ...its } of wanted) {
    if (isOver(its.until, now)) continue;
    const prefix = parsePrefix(address);
    const parts = prefix === null ? null : piecesOf(prefix);
    if (parts === null) unfit.push(address);
    else bans.set(address, parts.map(formatPrefix));
    for (const part of parts ?? []) {
      const name = formatPrefix(part);
      const known = pieces.get(name);
      pieces.set(name, known === undefined ? { prefix: part, ...its } : joined(known, { prefix: part, ...its }));
    }
  }
  return { pieces, bans, unfit };
}

function joined(one: Piece, other: Piece): Piece {
  if (one.action === other.action) return { ...one, until: laterOf(one.until, other.until) };
  return one.action === 'block' ? one : other;
}
