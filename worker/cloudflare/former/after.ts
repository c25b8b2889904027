/** The present mode first; between its steps, once it is in force, what former ones have left is taken away. */
import type { UnixTime } from '../../../shared/time.ts';
import type { Enforcement, EnforcementStatus, NoneStatus, Survey, Wanted } from '../contract.ts';
import type { Former } from './former.ts';

const between_turns_s_max = 30;

/** `lifted`: has the operator lifted all enforcement? Then nothing former may stand either. */
export function afterFormer(mode: Enforcement, former: Former, lifted: () => boolean): Enforcement {
  let turnAt: UnixTime = 0;
  let last: { readonly wanted: readonly Wanted[]; readonly again: UnixTime | null } | null = null;

  function dueAt(now: UnixTime): UnixTime | null {
    const due = former.due();
    if (due === null) return null;
    return lifted() || isInForce(mode.status(now)) ? Math.max(now, due) : null;
  }

  /** Is it former's turn? One of both makes requests in one invocation, not both; the mode goes first, but not for ever. */
  function isTurn(wanted: readonly Wanted[], now: UnixTime): boolean {
    const due = dueAt(now);
    if (due === null || due > now) return false;
    const idle = last !== null && last.wanted === wanted && (last.again === null || last.again > now);
    return idle || mode === noMode || now - turnAt > between_turns_s_max;
  }

  async function step(wanted: readonly Wanted[], now: UnixTime): Promise<{ again: UnixTime | null }> {
    if (isTurn(wanted, now)) {
      turnAt = now;
      await former.clear(now);
    } else last = { wanted, again: (await mode.step(wanted, now)).again };
    // a mode that has not had its turn yet since it was opened is not to wait as long as what is former does
    const again = last === null && mode !== noMode ? now + 1 : (last?.again ?? null);
    const times = [again, dueAt(now)].flatMap((time) => time ?? []);
    return { again: times.length === 0 ? null : Math.min(...times) };
  }

  let own: readonly Wanted[] | null = null;

  /** The mode's own first; one invocation has not the calls for both. */
  async function survey(now: UnixTime): Promise<Survey> {
    if (own === null) {
      const read = await mode.survey(now);
      if (read.found === null || former.due() === null) return read;
      own = read.found;
      return { found: null, again: now };
    }
    const { found, again } = await former.survey(now);
    // of both the mode's own counts
    return { found: found && [...found, ...own], again };
  }

  return { ...mode, step, survey, former: (now) => former.status(now) };
}

function isInForce(status: EnforcementStatus): boolean {
  if (status.mode === 'none') return true;
  const { reconciledAt, missing, error } = status;
  const ruled = status.mode !== 'list' || status.rules.every(({ rule, error: why }) => rule !== null && why === null);
  return reconciledAt !== null && missing === 0 && error === null && ruled;
}

const nobody = { count: 0, addresses: [] };
const none: NoneStatus = {
  mode: 'none',
  inStep: true,
  wanted: 0,
  missing: 0,
  surplus: 0,
  leftOut: nobody,
  foreign: nobody,
  refused: nobody,
  unfit: nobody,
  error: null,
  waitUntil: null,
  reconciledAt: null,
};

/** Wants nothing of Cloudflare. */
export const noMode: Enforcement = {
  step: async () => ({ again: null }),
  survey: async (now) => ({ found: [], again: now }),
  switch: async () => [],
  waitsUntil: () => null,
  status: () => none,
  former: () => [],
};
