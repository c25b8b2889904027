/** Cloudflare's ranges, asked for once a day; the ones in the code hold in any case. */

import { z } from 'zod';
import { formatPrefix, type Prefix, parsePrefix } from '../../shared/address.ts';
import { cloudflareRanges } from '../../shared/engine/guard.ts';
import { messageOf } from '../../shared/errors.ts';
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { askRanges, judgeRanges, type RangesParts } from '../cloudflare/ranges.ts';
import { log } from '../problem.ts';
import type { RangesView } from '../shapes.ts';
import { itself, noteAct } from './acts.ts';
import type { Chore } from './chores.ts';
import { pace } from './limits.ts';

const key = 'edge.ranges';
const State = z.object({
  ranges: z.array(z.string()),
  /** Of the last answer that was believed. */
  at: z.number().nullable(),
  triedAt: z.number(),
  error: z.string().nullable(),
});
type State = z.infer<typeof State>;

const none: State = { ranges: [], at: null, triedAt: 0, error: null };

function read(sql: Sql): State {
  const text = new Meta(sql).get(key);
  return text === null ? none : State.parse(JSON.parse(text));
}

/** Beside those in the code. */
export function toldRanges(sql: Sql): Prefix[] {
  return prefixes(read(sql).ranges);
}

export function viewRanges(sql: Sql): RangesView {
  const { ranges, at, error } = read(sql);
  return { known: new Set([...cloudflareRanges, ...ranges]).size, at, error };
}

/** `changed`: to be called when ranges have come that were not known. */
export function rangesChore(sql: Sql, api: RangesParts, changed: () => void): Chore {
  return {
    name: 'ranges',
    due: () => dueAt(read(sql)),
    run: async (now) => {
      const before = read(sql);
      const after = { ...(await asked(api, before)), triedAt: now };
      new Meta(sql).set(key, JSON.stringify(after.error === null ? { ...after, at: now } : after));
      tell(sql, before, after, now);
      if (after.ranges.some((range) => !before.ranges.includes(range))) changed();
    },
  };
}

function dueAt({ triedAt, error }: State): UnixTime {
  return triedAt + (error === null ? pace.ranges_every : pace.ranges_retry);
}

async function asked(api: RangesParts, before: State): Promise<State> {
  try {
    const told = await askRanges(api);
    const judged = judgeRanges(told, prefixes([...cloudflareRanges, ...before.ranges]));
    if (typeof judged === 'string') return { ...before, error: `refused: ${judged}` };
    return { ...before, ranges: judged.map(formatPrefix), error: null };
  } catch (error) {
    return { ...before, error: messageOf(error) };
  }
}

function tell(sql: Sql, before: State, after: State, now: UnixTime): void {
  const added = after.ranges.filter((range) => ![...cloudflareRanges, ...before.ranges].includes(range));
  const news = added.length > 0 ? `new: ${added.join(' ')}` : null;
  const about = after.error === before.error ? news : (after.error ?? news);
  if (about === null) return;
  log('ranges', { about });
  noteAct(sql, itself, 'ranges', about, now);
}

function prefixes(texts: readonly string[]): Prefix[] {
  return texts.flatMap((text) => parsePrefix(text) ?? []);
}
