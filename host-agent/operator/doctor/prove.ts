/** `edgeban edge doctor --prove ADDRESS`: bans an address of documentation, watches it arrive everywhere and go again, with times. */
import { contains, formatPrefix, isSingle, parsePrefix } from '../../../shared/address.ts';
import { EdgebanError, type ErrorCode } from '../../../shared/errors.ts';
import type { WorkerApi } from '../worker-api.ts';
import type { OperatorWorld } from '../world.ts';
import { holdersOf, type Place } from './places.ts';

/** Ends by itself, should nobody be left to lift it. */
const bantime = 600;
const arrive_seconds_max = 60;
const trouble_ms = 2000;
const passing: ReadonlySet<ErrorCode> = new Set([
  'ERR_CLOUDFLARE_UNREACHABLE',
  'ERR_CLOUDFLARE_RATE',
  'ERR_EDGE_UNREACHABLE',
  'ERR_EDGE_TIMEOUT',
]);

/** RFC 5737, RFC 3849: nobody has these. */
const documentation = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'].flatMap(
  (text) => parsePrefix(text) ?? [],
);

export interface Moment {
  readonly place: string;
  readonly what: 'banned' | 'gone';
  /** Since the word was given; null: not within a minute. */
  readonly ms: number | null;
}

/** Throws ERR_PROVE for an address that somebody might have, or that is banned already. */
export async function proofAddress(worker: WorkerApi, text: string): Promise<string> {
  const prefix = parsePrefix(text);
  const isFree = prefix !== null && isSingle(prefix) && documentation.some((network) => contains(network, prefix));
  if (prefix === null || !isFree)
    throw new EdgebanError('ERR_PROVE', `${text} is not an address of documentation`, {
      remedy: 'take one of 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 or 2001:db8::/32',
    });
  const address = formatPrefix(prefix);
  if ((await holdersOf(worker, address)) === 0) return address;
  throw new EdgebanError('ERR_PROVE', `${address} is banned already`, { remedy: 'take another one' });
}

/** Whatever happens, Ctrl-C too, the ban is lifted at the end. */
export async function prove(
  world: OperatorWorld,
  worker: WorkerApi,
  places: readonly Place[],
  address: string,
  say: (moment: Moment) => void,
): Promise<Moment[]> {
  const moments: Moment[] = [];
  const tell = (moment: Moment) => {
    moments.push(moment);
    say(moment);
  };
  let isLifted = false;
  try {
    const began = performance.now();
    await worker.ban(address, bantime);
    await watch(world, places, address, 'banned', began, tell);
    const ended = performance.now();
    await worker.lift(address);
    isLifted = true;
    await watch(world, places, address, 'gone', ended, tell);
  } finally {
    if (!isLifted) await worker.lift(address);
  }
  return moments;
}

async function watch(
  world: OperatorWorld,
  places: readonly Place[],
  address: string,
  what: Moment['what'],
  began: number,
  tell: (moment: Moment) => void,
): Promise<void> {
  const ends = await Promise.allSettled(
    places.map(async (place) =>
      tell({ place: place.name, what, ms: await arrival(world, place, address, what, began) }),
    ),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function arrival(
  world: OperatorWorld,
  place: Place,
  address: string,
  what: Moment['what'],
  began: number,
): Promise<number | null> {
  for (;;) {
    const seen = await look(place, address);
    const ms = Math.round(performance.now() - began);
    if (seen === (what === 'banned')) return ms;
    if (ms > arrive_seconds_max * 1000) {
      if (typeof seen === 'boolean') return null;
      throw seen;
    }
    await world.sleep(typeof seen === 'boolean' ? place.every_ms : trouble_ms);
  }
}

/** A place that cannot be asked at the moment is asked again: its trouble is told if it lasts. */
async function look(place: Place, address: string): Promise<boolean | EdgebanError> {
  try {
    return await place.has(address);
  } catch (error) {
    if (error instanceof EdgebanError && passing.has(error.code)) return error;
    throw error;
  }
}

export function momentLine({ place, what, ms }: Moment): string {
  if (ms === null) return `   not within ${arrive_seconds_max} s  ${place}: ${what}`;
  return `${`+${ms} ms`.padStart(12)}  ${place}: ${what}`;
}
