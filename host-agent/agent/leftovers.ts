/** What jails that are off now have left in the firewall: after a start and a reload it is taken away. */
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { Jail } from './jail.ts';
import type { AgentParts, AgentPlan } from './parts.ts';

/**
 * Jails that an error keeps from running go on protecting (unless all of their bans are `pardoned`), as does one whose
 * actions do not work yet. Never rejects for the
 * operator's world: what fails is told, and comes again at the next reload.
 */
export async function sweepLeftovers(
  parts: AgentParts,
  jails: readonly Jail[],
  leftOut: readonly Jail[],
  plan: AgentPlan,
  pardoned: readonly string[],
): Promise<void> {
  const log = parts.log.logger('actions');
  const running = [...jails, ...leftOut].map((jail) => ({
    name: jail.name,
    actions: jail.plan.actions,
    // what one that is left out has besides is not known
    isSound: leftOut.includes(jail) ? pardoned.includes(jail.name) : jail.failing().every(({ id }) => id !== null),
  }));
  // a jail of the plan that does not run could not be made
  const known = plan.leftOut === null ? null : [...plan.leftOut, ...plan.jails.map(({ name }) => name)];
  const spared = known?.filter((jail) => !pardoned.includes(jail)) ?? null;
  try {
    const swept = await parts.sweep({ running, spared });
    for (const jail of swept)
      log.notice(`[${jail}] what it had in the firewall and does not use any more is taken out`);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    // who has no nft has left nothing there
    if (error.code !== 'ERR_NFT_MISSING')
      log.warning(
        `what jails that are off now may have left in nftables stays: ${describeError(error)} (${error.code})`,
      );
  }
}
