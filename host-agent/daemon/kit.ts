/** The real parts from which a configuration is tried and the daemon is built. */
import { type ActionConf, nftablesFiles } from '../../shared/config/action-conf.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Action } from '../actions/action.ts';
import { Conntrack } from '../actions/conntrack.ts';
import { createNft, type Nft } from '../actions/nft.ts';
import { createNftables } from '../actions/nftables.ts';
import { checkCommands, type Parameters } from '../actions/nftables-parameters.ts';
import { ownerWord, planOf } from '../actions/nftables-plan.ts';
import { NftablesSets } from '../actions/nftables-sets.ts';
import { setsOfOwner, sweepTables } from '../actions/nftables-sweep.ts';
import type { TicketWorld } from '../actions/ticket-action.ts';
import { checkTicketAction, TicketActions } from '../actions/ticket-actions.ts';
import { addressOf } from '../agent/court.ts';
import type { AgentParts, JailsInUse, SourceStart } from '../agent/parts.ts';
import { type SourcePlan, sourceName } from '../agent/plan.ts';
import { createFileSource } from '../sources/file.ts';
import { createJournalSource } from '../sources/journal.ts';
import type { Source, SourcePorts } from '../sources/source.ts';
import { diskFiles } from '../system/config-files.ts';
import { createRe2 } from '../system/re2.ts';
import type { ConfigurationPorts } from './configuration.ts';

export interface ActionPorts {
  readonly nft: Nft;
  readonly conntrack: Conntrack;
  now(): UnixTime;
}

/** The action of a file in action.d if edgeban does it by itself, in batches; null: by its commands. */
function nativeAction(action: ActionConf, ports: ActionPorts, jail?: string): Action | null {
  const parameters = nativeParameters(action);
  if (parameters === null) return null;
  checkCommands(action);
  return createNftables(parameters, ports, jail);
}

function nativeParameters({ file, parameters }: ActionConf): Parameters | null {
  const preset = nftablesFiles.get(file);
  return preset === undefined ? null : { ...parameters, ...preset };
}

/** Takes out of nftables what no jail uses any more. */
export function sweeper(nft: Nft): AgentParts['sweep'] {
  return ({ running, spared }) => {
    const sound = new Map(running.map(({ name, isSound }) => [ownerWord(name), isSound]));
    const others = spared === null ? null : new Set(spared.map(ownerWord));
    const plans = running.flatMap(({ name, actions }) =>
      actions.flatMap((action) => {
        const parameters = nativeParameters(action);
        return parameters === null ? [] : [planOf(parameters, name)];
      }),
    );
    const spares = (owner: string) => {
      const isSound = sound.get(owner);
      return isSound === undefined ? others === null || others.has(owner) : !isSound;
    };
    return sweepTables(nft, { plans, spares });
  };
}

/** Lifts blocks of a jail that does not run out of the sets that its rules name. */
function lifter(ports: ActionPorts): AgentParts['lift'] {
  return async (jail, bans, held) => {
    const sets = await setsOfOwner(ports.nft, ownerWord(jail));
    const { nft, now } = ports;
    const lifted = bans.flatMap((ban) => {
      const address = addressOf(ban);
      return address === null ? [] : [{ address, until: ban.until }];
    });
    const changes = lifted.map(({ address }) => ({ kind: 'delete', address }) as const);
    const known = new NftablesSets(sets, { nft, now }, [...held, ...lifted]);
    return sets.length === 0 ? [] : await known.apply(changes);
  };
}

/**
 * Makes the actions of jails (they throw ERR_ACTION_PARAMETER, and touch nothing before they are reconciled), and undoes what
 * those of other jails have left: of commands first, for there may be no nft.
 */
export function actionKit(ports: ActionPorts, world: TicketWorld): Pick<AgentParts, 'createAction' | 'sweep' | 'lift'> {
  const commands = new TicketActions(world);
  const [sweepNft, liftNft] = [sweeper(ports.nft), lifter(ports)];
  return {
    createAction: (plan, jail) => {
      const native = nativeAction(plan, ports, jail.name);
      if (native !== null) return { kind: 'blocks', action: native };
      return { kind: 'tickets', action: commands.create(plan, jail) };
    },
    sweep: async (jails) => {
      const swept = await commands.orphans.sweep((jail, action) => isKept(jails, jail, action));
      return [...new Set([...swept, ...(await sweepNft(jails))])];
    },
    lift: async (jail, bans, held) => {
      await commands.orphans.lift(jail, bans);
      return await liftNft(jail, bans, held);
    },
  };
}

function isKept({ running, spared }: JailsInUse, jail: string, action: string): boolean {
  const its = running.find(({ name }) => name === jail);
  if (its !== undefined) return !its.isSound || its.actions.some(({ name }) => name === action);
  return spared === null || spared.includes(jail);
}

export function sourceOf(plan: SourcePlan, start: SourceStart, ports: SourcePorts): Source {
  const { since, timeOf } = start;
  const position = start.position ?? undefined;
  if (plan.kind === 'journal') {
    const id = sourceName(plan).slice('journal:'.length);
    return createJournalSource({ id, matches: plan.matches, options: plan.options, position, since }, ports);
  }
  const { path, tail, wake, wide } = plan;
  return createFileSource({ path, position, tail, since, timeOf, backend: wake ? 'inotify' : 'poll', wide }, ports);
}

export function configurationPorts(): ConfigurationPorts {
  const now = () => Date.now() / 1000;
  // made once, and never run: an action touches nothing before it is reconciled
  const nft = createNft();
  const conntrack = new Conntrack();
  return {
    files: diskFiles,
    re2: createRe2(),
    checkAction: (action) => {
      if (nativeAction(action, { nft, conntrack, now }) === null) checkTicketAction(action);
    },
    random: Math.random,
    now,
  };
}
