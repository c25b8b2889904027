/** Requests that have come, so that each counts once: in memory, and across a waking by the time of a host's newest one. */
import { EdgebanError } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';
import { type SignedParts, wireLimits } from '../../shared/wire.ts';
import { RequestRefusal } from '../problem.ts';
import { ledgerLimits } from './limits.ts';

/**
 * A nonce of each request in a table were two rows written a request. A ledger that has forgotten the nonces takes of a
 * host only what was signed after the newest request that it had written down (hosts.signed_at): whatever else may have
 * come before. Readings are not always written down: one might be told again to who has it from the wire anyway.
 */
export class Nonces {
  /** By host and nonce: until when the request's time is inside the window. */
  readonly #spent = new Map<string, UnixTime>();
  /** By host: requests of before the waking have no later time than this. */
  readonly #before = new Map<string, UnixTime>();

  /** `signedAt`: as the host's row has it. Throws ERR_AUTH_REPLAY, or ERR_AUTH_AGAIN where it cannot be told. */
  spend({ host, nonce, time }: SignedParts, signedAt: UnixTime, now: UnixTime): void {
    const before = this.#before.get(host) ?? signedAt;
    this.#before.set(host, before);
    const key = `${host} ${nonce}`;
    if (this.#spent.has(key)) throw new EdgebanError('ERR_AUTH_REPLAY', 'this nonce has been used already');
    if (time <= before)
      throw new RequestRefusal(
        'ERR_AUTH_AGAIN',
        'the ledger has just woken, and knows only later requests of this host',
        {
          retry_after: Math.max(1, before - now + 1),
        },
      );
    this.#spent.set(key, time + wireLimits.clock_skew_max);
    if (this.#spent.size > ledgerLimits.nonces_max) this.#sweep(now);
  }

  /** What is out of the window; if that is not enough, all of it, as in a waking. */
  #sweep(now: UnixTime): void {
    for (const [key, until] of this.#spent) if (until < now) this.#spent.delete(key);
    if (this.#spent.size <= ledgerLimits.nonces_max / 2) return;
    for (const [key, until] of this.#spent) {
      const host = key.slice(0, key.indexOf(' '));
      this.#before.set(host, Math.max(this.#before.get(host) ?? 0, until - wireLimits.clock_skew_max));
    }
    this.#spent.clear();
  }
}
