/** Reads fail2ban's database: the bans in force, and what it remembers of earlier ones. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { canonical } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Ban } from '../../shared/ticket.ts';
import { isOver, type UnixTime, untilOf } from '../../shared/time.ts';

/** More than edgeban itself holds and remembers. */
const rows_max = 500_000;

const rowShape = z.object({
  ip: z.string(),
  jail: z.string(),
  timeofban: z.number(),
  bantime: z.number(),
  bancount: z.number(),
  /** fail2ban writes JSON in bytes. */
  data: z.union([z.string(), z.instanceof(Uint8Array)]).nullable(),
});

/** `matches` may hold, besides lines, fail2ban's triples of a line cut at its date. */
const dataShape = z.object({ failures: z.number().catch(0), matches: z.array(z.unknown()).catch([]) }).partial();

export interface Fail2banBans {
  readonly active: readonly Ban[];
  /** The newest ban of each id that is not in force any more: what increments go by. */
  readonly past: readonly Ban[];
}

/** Nothing where there is no such file. Throws ERR_IMPORT_DATABASE for one that is not fail2ban's. */
export function readFail2banBans(path: string, now: UnixTime): Fail2banBans {
  if (!existsSync(path)) return { active: [], past: [] };
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    try {
      const query = `SELECT ip, jail, timeofban, bantime, bancount, data FROM bips ORDER BY timeofban DESC LIMIT ${rows_max}`;
      const bans = z.array(rowShape).parse(database.prepare(query).all()).map(banOf).toReversed();
      const isActive = (ban: Ban) => !isOver(ban.until, now);
      return { active: bans.filter(isActive), past: bans.filter((ban) => !isActive(ban)) };
    } finally {
      database.close();
    }
  } catch (cause) {
    const message = `this database of fail2ban's cannot be read: ${cause instanceof Error ? cause.message : cause}`;
    const remedy = 'name another with --database FILE, or import the configuration alone with --database None';
    throw new EdgebanError('ERR_IMPORT_DATABASE', message, { file: path, remedy, cause });
  }
}

function banOf({ ip, jail, timeofban, bantime, bancount, data }: z.infer<typeof rowShape>): Ban {
  const address = canonical(ip);
  const { failures = 0, matches = [] } = dataShape
    .catch({})
    .parse(parsed(typeof data === 'string' ? data : Buffer.from(data ?? []).toString('utf8')));
  const lines = matches.map((line) => (Array.isArray(line) ? line.join('') : String(line)));
  const times = { at: timeofban, bantime, until: untilOf(timeofban, bantime) };
  return { jail, id: address ?? ip, ip: address, ...times, count: Math.max(1, bancount), failures, matches: lines };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
