/** What an agent is handed, and what its pieces share. */
import type { Engine } from '../../shared/engine/engine.ts';
import type { GuardSettings } from '../../shared/engine/guard.ts';
import type { Re2 } from '../../shared/filter/regex/pattern.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ban, Line } from '../../shared/ticket.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { EdgeAbility, EdgeStory } from '../../shared/wire.ts';
import type { Block, JailAction, Outcome } from '../actions/action.ts';
import type { TicketJail } from '../actions/ticket-action.ts';
import type { EdgeReport, Origins } from '../control/agent-control.ts';
import type { Log } from '../log/log.ts';
import type { Source } from '../sources/source.ts';
import type { Resolver } from '../system/dns.ts';
import type { Shell } from '../system/shell.ts';
import type { Court } from './court.ts';
import type { Desk } from './desk.ts';
import type { Fleet } from './fleet.ts';
import type { ActionPlan, JailPlan, SourcePlan } from './plan.ts';

/** What a configuration asks for, read and checked. */
export interface AgentPlan {
  readonly jails: readonly JailPlan[];
  readonly guard: Omit<GuardSettings, 'own' | 'spared'> & { readonly admins: readonly string[] };
  readonly dbpurgeage: Seconds;
  /** Jails that an error keeps from running; null: the error does not say which. */
  readonly leftOut: readonly string[] | null;
  /** Those of them whose actions work all the same, and keep their bans in force. */
  readonly holding: readonly JailPlan[];
}

/** Who may have something in the firewall. */
export interface JailsInUse {
  /** With their actions as they are now; not `isSound`: one of them does not work. */
  readonly running: readonly {
    readonly name: string;
    readonly actions: readonly ActionPlan[];
    readonly isSound: boolean;
  }[];
  /** Jails that do not run, but whose bans stay in force; null: nobody knows which. */
  readonly spared: readonly string[] | null;
}

/** The link to the Worker while it runs. */
export interface EdgeLink {
  /** Something new waits in the outbox. */
  wake(): void;
  report(): EdgeReport;
  /** Where an address stands at the edge now; rejects with what keeps it from being asked. */
  explain(address: string): Promise<EdgeStory>;
  /** What the edge is able to do now; rejects with what keeps it from being asked. */
  ability(): Promise<EdgeAbility>;
  close(): Promise<void>;
}

/** Where a source begins: behind its saved position, or at a time. */
export interface SourceStart {
  readonly position: string | null;
  readonly since: UnixTime;
  /** The time that a line tells. */
  timeOf(line: Line): UnixTime | null;
}

export interface AgentParts {
  readonly version: string;
  readonly log: Log;
  readonly store: Store;
  readonly dbFile: string;
  readonly re2: Re2;
  readonly resolver: Resolver;
  readonly shell: Shell;
  readonly hostname: string;
  now(): UnixTime;
  random(): number;
  createAction(plan: ActionPlan, jail: TicketJail): JailAction;
  /** Takes out of the firewall what no jail uses any more; returns the names of the jails that it was of. */
  sweep(jails: JailsInUse): Promise<readonly string[]>;
  /** Lifts bans of a jail that does not run; `held` are the blocks that it keeps. */
  lift(jail: string, bans: readonly Ban[], held: readonly Block[]): Promise<readonly Outcome[]>;
  /** Calls `started` as somebody starts another firewall of this host's, which may empty ours; returns what ends this. */
  watchFirewalls(started: () => void): () => void;
  createSource(plan: SourcePlan, start: SourceStart): Source;
  /** Reads the configuration anew for a reload; throws what is wrong with it. */
  plan(): Promise<AgentPlan>;
  /** Where addresses are from, for a client that asks; never rejects. */
  origins(ids: readonly string[]): Promise<Origins>;
  /** This host's id at the ledger; null: it is not enrolled. */
  readonly host: string | null;
  /** `resync` begins the outbox anew with all bans in force. */
  startLink(fleet: Fleet, resync: () => void): EdgeLink;
}

/** What the agent's pieces share: who judges, who carries out, who writes. */
export interface Core {
  readonly parts: AgentParts;
  readonly engine: Engine;
  readonly court: Court;
  readonly desk: Desk;
}
