/** Whether the edge is able to enforce now: what hosts ask that leave bans to it alone. */

import type { UnixTime } from '../../shared/time.ts';
import type { EdgeAbility } from '../../shared/wire.ts';
import type { StatusView } from '../shapes.ts';
import { ledgerLimits } from './limits.ts';

type Failure = { readonly message: string; readonly since: UnixTime } | null;
type Enforced = StatusView['enforcement'];

/** Troubles shorter than `ability_patience` do not count: most of them pass. */
export function abilityOf({ enforcement, snapshot }: StatusView, now: UnixTime): EdgeAbility {
  const { mode, detail } = enforcement;
  if (mode === 'gate') {
    const since = snapshot.written_at ?? 0;
    return both(lasting(snapshot.error === null ? null : { message: snapshot.error, since }, now));
  }
  if (detail === null) return both('the Worker enforces nothing (ENFORCEMENT = none)');
  const why = lasting(detail.error, now) ?? scopesTrouble(detail, now);
  if (detail.mode !== 'list' || why !== null) return both(why);
  const block = rulesTrouble(detail, 'block', now);
  const challenge = block ?? unchallenged(detail) ?? rulesTrouble(detail, 'challenge', now);
  return { block: block === null, challenge: challenge === null, why: challenge };
}

function both(why: string | null): EdgeAbility {
  return { block: why === null, challenge: why === null, why };
}

function lasting(failure: Failure, now: UnixTime): string | null {
  return failure !== null && now - failure.since > ledgerLimits.ability_patience ? failure.message : null;
}

function scopesTrouble(detail: NonNullable<Enforced['detail']>, now: UnixTime): string | null {
  const failures = detail.mode === 'access-rules' ? detail.scopes.map(({ error }) => error) : [];
  return failures.map((failure) => lasting(failure, now)).find((why) => why !== null) ?? null;
}

type ListDetail = Extract<Enforced['detail'], { mode: 'list' }>;

/** A rule that somebody has switched off is off because he wants it so. */
function rulesTrouble({ rules }: ListDetail, action: 'block' | 'challenge', now: UnixTime): string | null {
  const ours = rules.filter((rule) => rule.action === action);
  return ours.map(({ error }) => lasting(error, now)).find((why) => why !== null) ?? null;
}

function unchallenged({ challengeList }: ListDetail): string | null {
  if (challengeList === null) return 'the edge challenges nobody: there is no second list (CHALLENGE_LIST_NAME)';
  return challengeList.id === null ? (challengeList.error?.message ?? null) : null;
}
