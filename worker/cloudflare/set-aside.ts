/** Addresses of which Cloudflare refuses a change: left alone, at first shortly and then longer, so that the others get their turn. */
import { z } from 'zod';
import type { Seconds, UnixTime } from '../../shared/time.ts';

/** The first refusal may be a whim of Cloudflare's; one that comes again and again speaks against the address. */
const aside_first_s: Seconds = 30;
const aside_max_s: Seconds = 15 * 60;
const addresses_max = 500;

/** By address: until when it is left alone, and how long that was; a bare time is of an older version. */
export const SetAside = z.record(
  z.string(),
  z.union([
    z.number().transform((until) => ({ until, for_s: aside_max_s })),
    z.object({ until: z.number(), for_s: z.number() }),
  ]),
);
export type SetAside = z.infer<typeof SetAside>;

export function isSetAside(known: SetAside, address: string, now: UnixTime): boolean {
  return (known[address]?.until ?? 0) > now;
}

/** When the first of them gets its turn again. */
export function nextTurn(known: SetAside, now: UnixTime): UnixTime {
  const ends = Object.values(known).flatMap(({ until }) => (until > now ? [until] : []));
  return Math.min(Number.POSITIVE_INFINITY, ...ends);
}

/** An address that was refused not long ago is left alone twice as long as then. */
export function setAside(known: SetAside, address: string, now: UnixTime): SetAside {
  const before = known[address];
  const again = before !== undefined && before.until + aside_max_s > now;
  const for_s = again ? Math.min(aside_max_s, 2 * before.for_s) : aside_first_s;
  const kept = Object.entries(known).filter(([each, { until }]) => each !== address && until + aside_max_s > now);
  return Object.fromEntries([[address, { until: now + for_s, for_s }] as const, ...kept].slice(0, addresses_max));
}
