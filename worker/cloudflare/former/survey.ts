/** What former settings have left, read for a ledger that was lost. */
import type { UnixTime } from '../../../shared/time.ts';
import type { Enforcement, EnforcementParts, Survey, Wanted } from '../contract.ts';
import { readFormerList } from './list.ts';
import type { FormerRecord } from './record.ts';

/** A minute or two, and more where a rate is spent. */
const looks_in_vain_max = 5;

/** One list a call, then the access rules. `rules`: null where there are none. */
export function createSurvey(
  parts: EnforcementParts,
  records: readonly FormerRecord[],
  rules: Enforcement | null,
): (now: UnixTime) => Promise<Survey> {
  const unread = records.filter(({ items, left }) => items && left === null);
  const found: Wanted[] = [];
  let patience = looks_in_vain_max;

  function later(now: UnixTime, again: UnixTime): Survey {
    patience -= 1;
    return { found: null, again: Math.max(now, again) };
  }

  return async (now) => {
    const [next] = unread;
    if (next !== undefined) {
      const its = await readFormerList(parts, next, now);
      if (its === null && patience > 0) return later(now, next.waitUntil);
      found.push(...(its ?? []));
      unread.shift();
      return { found: null, again: now };
    }
    const read = (await rules?.survey(now)) ?? { found: [], again: now };
    if (read.found === null && patience > 0 && !isForbidden(rules, now)) return later(now, read.again);
    return { found: [...found, ...(read.found ?? [])], again: now };
  };
}

function isForbidden(rules: Enforcement | null, now: UnixTime): boolean {
  const status = rules?.status(now);
  return status?.mode === 'access-rules' && status.error?.code === 'ERR_CLOUDFLARE_AUTH';
}
