/** What a replay comes to: by jail, ban by ban, against what is banned now, and one setting against another. */
import { isOver, type UnixTime, type Until } from '../../shared/time.ts';
import type { BannedNow } from './banned-now.ts';
import type { Replayed, Trial } from './trial.ts';

export interface BanFinding {
  readonly jail: string;
  readonly id: string;
  /** Unix seconds; `until` null: for ever. */
  readonly at: UnixTime;
  readonly until: Until;
  /** Seconds; negative: for ever. */
  readonly bantime: number;
  readonly failures: number;
  /** How many times it would have been banned by then. */
  readonly count: number;
  /** Does the server hold it banned now? Null: no server answers. */
  readonly now: boolean | null;
  /** The first login after the ban. */
  readonly login: Replayed['login'];
}

export interface JailFinding {
  readonly jail: string;
  readonly failures: number;
  /** Of them not counted, or not banned: ignoreip, guards. */
  readonly ignored: number;
  readonly bans: number;
  readonly addresses: number;
  /** Bans that would still be in force; how many of them are; and what is banned now and would not be. */
  readonly in_force: number;
  readonly in_force_now: number | null;
  readonly only_now: readonly string[] | null;
}

export interface TrialFinding {
  readonly jails: readonly JailFinding[];
  /** Oldest first. */
  readonly bans: readonly BanFinding[];
  /** Bans beyond the number that is listed. */
  readonly unlisted: number;
}

export function findingsOf(trial: Trial, banned: BannedNow | null, now: UnixTime): TrialFinding {
  const bans = trial.bans.map((one) => banFinding(one, banned));
  const jails = [...trial.tallies].map(([jail, tally]): JailFinding => {
    const live = bans.filter((ban) => ban.jail === jail && !isOver(ban.until, now));
    const ids = new Set(live.map(({ id }) => id));
    const held = banned?.get(jail) ?? null;
    return {
      jail,
      failures: tally.failures,
      ignored: tally.ignored,
      bans: tally.bans,
      addresses: tally.addresses.size,
      in_force: ids.size,
      in_force_now: held === null ? null : [...ids].filter((id) => held.has(id)).length,
      only_now: held === null ? null : [...held].filter((id) => !ids.has(id)).sort(),
    };
  });
  const total = jails.reduce((sum, jail) => sum + jail.bans, 0);
  return { jails, bans, unlisted: total - bans.length };
}

function banFinding({ ban, login }: Replayed, banned: BannedNow | null): BanFinding {
  const { jail, id, at, until, bantime, failures, count } = ban;
  return { jail, id, at, until, bantime, failures, count, now: banned?.get(jail)?.has(id) ?? null, login };
}

/** An address of a jail, as the two settings would have treated it. */
export interface Difference {
  readonly jail: string;
  readonly id: string;
  /** How often each would have banned it. */
  readonly before: number;
  readonly after: number;
  /** Who logged in from there while the other setting would have banned it. */
  readonly lockedOut: { readonly user: string; readonly at: UnixTime } | null;
}

/** Addresses that one setting bans and the other does not, or more often. Those that lock somebody out come first. */
export function differences(before: TrialFinding, after: TrialFinding): Difference[] {
  const [old, next] = [byAddress(before), byAddress(after)];
  const keys = [...new Set([...old.keys(), ...next.keys()])];
  const all = keys.flatMap((key): Difference[] => {
    const [a, b] = [old.get(key) ?? [], next.get(key) ?? []];
    const first = a[0] ?? b[0];
    const locked = b.find(({ login }) => login?.lockedOut === true)?.login ?? null;
    const wasLocked = a.some(({ login }) => login?.lockedOut === true);
    if (first === undefined || (a.length === b.length && (locked === null || wasLocked))) return [];
    const { jail, id } = first;
    const lockedOut = locked === null || wasLocked ? null : { user: locked.user, at: locked.at };
    return [{ jail, id, before: a.length, after: b.length, lockedOut }];
  });
  return all.sort((a, b) => Number(b.lockedOut !== null) - Number(a.lockedOut !== null));
}

function byAddress({ bans }: TrialFinding): Map<string, BanFinding[]> {
  const map = new Map<string, BanFinding[]>();
  for (const ban of bans) {
    const key = JSON.stringify([ban.jail, ban.id]);
    const known = map.get(key);
    if (known === undefined) map.set(key, [ban]);
    else known.push(ban);
  }
  return map;
}
