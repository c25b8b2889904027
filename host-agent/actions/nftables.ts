/** The nftables action: one jail's bans as set elements with kernel timeouts, under fail2ban's names. */
import { EdgebanError } from '../../shared/errors.ts';
import { Turns } from '../../shared/turns.ts';
import type { Action, Block, Change, Outcome } from './action.ts';
import type { Nft } from './nft.ts';
import { show } from './nft-script.ts';
import { killsConnections, type Parameters } from './nftables-parameters.ts';
import { type Plan, planOf } from './nftables-plan.ts';
import { type NftablesPorts, NftablesSets } from './nftables-sets.ts';
import { ensureTable, isTableThere, takeAwayTable } from './nftables-table.ts';

/**
 * Throws ERR_ACTION_PARAMETER for parameters that cannot be done; touches nothing before `reconcile`. `jail`: whose it is, if
 * that is not its `name`.
 */
export function createNftables(parameters: Parameters, ports: NftablesPorts, jail?: string): Action {
  refuseOtherProgram(parameters['nftables'], ports.nft);
  const { conntrack, ...others } = ports;
  const kills = killsConnections(parameters);
  if (kills) conntrack?.check();
  const plan = planOf(parameters, jail);
  return new Nftables((parameters['actname'] ?? 'nftables').trim(), plan, kills ? ports : others);
}

function refuseOtherProgram(program: string | undefined, nft: Nft): void {
  const known = [undefined, '', 'nft', '/usr/sbin/nft', '/sbin/nft', nft.command.join(' ')];
  if (known.includes(program?.trim())) return;
  throw new EdgebanError('ERR_ACTION_PARAMETER', `nftables = ${show(program ?? '')} is not supported`, {
    remedy: 'leave it out: edgeban runs the nft that it finds on the PATH',
  });
}

class Nftables implements Action {
  readonly name: string;
  readonly #plan: Plan;
  readonly #nft: Nft;
  readonly #sets: NftablesSets;
  /** An answer to an earlier call must not undo a later one. */
  readonly #turns = new Turns();

  constructor(name: string, plan: Plan, ports: NftablesPorts) {
    this.name = name;
    this.#plan = plan;
    this.#nft = ports.nft;
    this.#sets = new NftablesSets(plan.sets, ports);
  }

  reconcile(wanted: readonly Block[]): Promise<readonly Outcome[]> {
    return this.#turns.take(async () => {
      const there = await this.#nft.exclusively((session) => ensureTable(session, this.#plan));
      return await this.#sets.fit(wanted, there);
    });
  }

  async isThere(sample: readonly Block[]): Promise<boolean> {
    return isTableThere(await this.#nft.glance(this.#plan.family), this.#plan) && (await this.#sets.haveEach(sample));
  }

  apply(changes: readonly Change[]): Promise<readonly Outcome[]> {
    return this.#turns.take(() => this.#sets.apply(changes));
  }

  holds(address: string): Promise<boolean> {
    return this.#sets.holds(address);
  }

  list(): Promise<readonly Block[]> {
    return this.#turns.take(async () =>
      Array.from(await this.#sets.read(), ([address, until]) => ({ address, until })),
    );
  }

  close(options: { readonly flush: boolean }): Promise<void> {
    return this.#turns.take(async () => {
      if (options.flush) await this.#nft.exclusively((session) => takeAwayTable(session, this.#plan));
    });
  }
}
