/** A jail that an error leaves out has no actions, and what it has banned stays in the firewall till somebody lifts it there. */
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { Order } from '../actions/ticket-action.ts';
import { blocksOf } from './jail-actions.ts';
import type { AgentParts } from './parts.ts';

/** Carries out what was decided of bans of a jail that does not run: they can only end. What fails is told. */
export async function liftOutside(parts: AgentParts, jail: string, orders: readonly Order[]): Promise<void> {
  const bans = orders.filter(({ kind }) => kind === 'unban').map(({ ban }) => ban);
  if (bans.length === 0) return;
  const say = (error: EdgebanError) =>
    parts.log
      .logger('actions')
      .error(
        `[${jail}] does not run, and what is lifted may stay in nftables: ${describeError(error)} (${error.code})`,
      );
  try {
    const [first] = await parts.lift(jail, bans, blocksOf(parts.store, jail));
    if (first !== undefined) say(first.error);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    // who has no nft has left nothing there
    if (error.code !== 'ERR_NFT_MISSING') say(error);
  }
}
