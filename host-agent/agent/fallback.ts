/** Jails that leave their bans to the edge alone protect on this host while the edge cannot, and no longer. */
import { z } from 'zod';
import { describeError } from '../../shared/errors.ts';
import type { Meta } from '../../shared/store/meta.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { EdgeAbility } from '../../shared/wire.ts';
import type { Logger } from '../log/log.ts';
import type { EdgeLink } from './parts.ts';
import type { JailPlan } from './plan.ts';

export const fallbackLimits = {
  /** How long the Worker has to be out of reach. */
  unreachable_s: 300,
  /** How long all has to be well again: an edge that comes and goes is none. */
  calm_s: 120,
  /** How often the Worker is asked what it is able to do. */
  ask_s: 300,
} as const;

const Down = z.object({ block: z.boolean(), challenge: z.boolean() });
type Down = z.infer<typeof Down>;

const metaKey = 'edge.down';
const nothing: Down = { block: false, challenge: false };

export interface FallbackParts {
  readonly meta: Meta;
  readonly log: Logger;
  readonly limits?: { readonly [name in keyof typeof fallbackLimits]: Seconds };
}

export class Fallback {
  readonly #parts: FallbackParts;
  readonly #limits: NonNullable<FallbackParts['limits']>;
  /** What the edge does not do, as far as jails are told; outlives a restart. */
  #down: Down;
  /** Since when the link has been in trouble, or out of it. */
  #trouble: { readonly is: boolean; readonly since: UnixTime } | null = null;
  #ability: EdgeAbility | null = null;
  #ableSince: UnixTime | null = null;
  #askedAt: UnixTime | null = null;

  constructor(parts: FallbackParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? fallbackLimits;
    const text = parts.meta.get(metaKey);
    this.#down = text === null ? nothing : (Down.safeParse(JSON.parse(text)).data ?? nothing);
  }

  /** The plan with the actions that it is to have now. */
  fitted(plan: JailPlan): JailPlan {
    const { planes, spareActions } = plan;
    if (planes.own || spareActions.length === 0) return plan;
    const isDown = planes.edge === 'challenge' ? this.#down.challenge : this.#down.block;
    return { ...plan, actions: isDown ? spareActions : [] };
  }

  /** Looks how the edge does; true if it can no more what it could, or can again. */
  async look(link: Pick<EdgeLink, 'report' | 'ability'>, now: UnixTime): Promise<boolean> {
    this.#noteTrouble(link.report().trouble !== null, now);
    if (this.#askedAt === null || now - this.#askedAt >= this.#limits.ask_s || now < this.#askedAt) {
      this.#askedAt = now;
      await this.#ask(link, now);
    }
    return this.#settle(link.report().trouble, now);
  }

  #noteTrouble(is: boolean, now: UnixTime): void {
    if (this.#trouble?.is !== is || now < this.#trouble.since) this.#trouble = { is, since: now };
  }

  async #ask(link: Pick<EdgeLink, 'ability'>, now: UnixTime): Promise<void> {
    try {
      const ability = await link.ability();
      const isSame = ability.block === this.#ability?.block && ability.challenge === this.#ability.challenge;
      if (!isSame) this.#ableSince = now;
      this.#ability = ability;
    } catch (error) {
      // an older Worker does not know the question; one that does not answer is seen by the link
      this.#parts.log.debug(`what the edge is able to do is not known: ${describeError(error)}`);
    }
  }

  #settle(trouble: string | null, now: UnixTime): boolean {
    const next = { block: this.#isDown('block', now), challenge: this.#isDown('challenge', now) };
    if (next.block === this.#down.block && next.challenge === this.#down.challenge) return false;
    this.#say(next, trouble);
    this.#down = next;
    this.#parts.meta.set(metaKey, JSON.stringify(next));
    return true;
  }

  /** As it was, until the one or the other has lasted long enough. */
  #isDown(action: keyof Down, now: UnixTime): boolean {
    const { unreachable_s, calm_s } = this.#limits;
    const lasted = this.#trouble === null ? 0 : now - this.#trouble.since;
    if (this.#trouble?.is === true && lasted >= unreachable_s) return true;
    if (this.#ability !== null && !this.#ability[action]) return true;
    const able = this.#ableSince === null ? 0 : now - this.#ableSince;
    const isCalm = this.#trouble?.is === false && lasted >= calm_s && (this.#ability === null || able >= calm_s);
    return isCalm ? false : this.#down[action];
  }

  #say(next: Down, trouble: string | null): void {
    const { log } = this.#parts;
    const why = trouble ?? this.#ability?.why ?? 'the Worker does not answer';
    for (const action of ['block', 'challenge'] as const) {
      if (next[action] === this.#down[action]) continue;
      const jails = `jails with plane = edge that ${action === 'block' ? 'block' : 'challenge'}`;
      if (next[action]) log.warning(`the edge cannot enforce (${why}): ${jails} protect on this host meanwhile`);
      else log.notice(`the edge enforces again: ${jails} leave their bans to it`);
    }
  }
}
