/** Cloudflare's own ranges as its API tells them, and whether such an answer can be believed. */
import { z } from 'zod';
import { contains, formatPrefix, type Prefix, parsePrefix } from '../../shared/address.ts';
import { createClient } from './client.ts';
import type { Fetch } from './contract.ts';
import { timeout_ms_usual } from './run.ts';

export const rangesLimits = {
  ranges_max: 100,
  /** A wider range would spare a good part of the world. */
  bits4_min: 8,
  bits6_min: 20,
} as const;

const Ips = z.object({
  ipv4_cidrs: z.array(z.string()).default([]),
  ipv6_cidrs: z.array(z.string()).default([]),
});

export interface RangesParts {
  readonly apiBase: string;
  readonly token: string;
  readonly fetch: Fetch;
}

/** `GET /ips`. The ranges as written; throws CloudflareFailure. */
export async function askRanges({ apiBase, token, fetch }: RangesParts): Promise<readonly string[]> {
  const client = createClient({ base: apiBase, token, fetch, timeout_ms: timeout_ms_usual, beforeCall: () => {} });
  const { result } = await client.call({ method: 'GET', path: '/ips' }, Ips);
  return [...result.ipv4_cidrs, ...result.ipv6_cidrs];
}

/**
 * The ranges, or why they are not believed: too many, too wide, no networks, or fewer than we know. One that Cloudflare
 * gave up stays guarded until somebody looks: a ban of what is still in use would ban all visitors.
 */
export function judgeRanges(told: readonly string[], known: readonly Prefix[]): readonly Prefix[] | string {
  const { ranges_max, bits4_min, bits6_min } = rangesLimits;
  if (told.length > ranges_max) return `${told.length} ranges, more than ${ranges_max}`;
  const ranges = told.flatMap((text) => parsePrefix(text) ?? []);
  if (ranges.length < told.length) return 'not all of them are networks';
  const wide = ranges.find(({ family, bits }) => bits < (family === 4 ? bits4_min : bits6_min));
  if (wide !== undefined) return `${formatPrefix(wide)} is wider than any of theirs`;
  const missing = known.find((range) => !ranges.some((each) => contains(each, range)));
  return missing === undefined ? ranges : `${formatPrefix(missing)} is not among them`;
}
