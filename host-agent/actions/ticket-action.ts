/** The port of actions that run something for each ban: what they are told, what they ask of the daemon, what they answer. */

import type { EdgebanError } from '../../shared/errors.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';

/** What happened to a ban. `again`: its id failed although it is banned; does the action still stand? */
export interface Order {
  readonly kind: 'ban' | 'prolong' | 'unban' | 'again';
  readonly ban: Ban;
}

/** A ban that is not in force, and why. */
export interface Failing {
  readonly id: string;
  readonly error: EdgebanError;
}

/** One jail's action, carried out ban by ban, in order. Nothing of the operator's world is thrown: it is logged, and `failing`. */
export interface TicketAction {
  readonly name: string;
  /** Begins, and makes good what was left undone; resolves when that was tried. */
  reconcile(): Promise<void>;
  /** Resolves when these, and all before them, were tried. */
  tell(orders: readonly Order[]): Promise<void>;
  /** Looks, if it is time or `isUrgent`, whether what it made still stands, and makes it anew. */
  review(isUrgent: boolean): Promise<void>;
  failing(): readonly Failing[];
  /** `flush`: for good, its bans are lifted. Else it may leave in force what it finds again. */
  close(options: { readonly flush: boolean }): Promise<void>;
}

/** How the jail stands, for the tags <jail.…>. */
export interface JailFigures {
  readonly banned: number;
  readonly banned_total: number;
  readonly found: number;
  readonly found_total: number;
}

/** One jail, as its actions see it. */
export interface TicketJail {
  readonly name: string;
  /** The bans in force, in the order in which they were decided; null: nobody knows (the database is broken). */
  held(): readonly Ban[] | null;
  ban(id: string): Ban | null;
  /** The newest bans of an id in all jails, newest first. */
  history(id: string): readonly Ban[];
  figures(): JailFigures;
  bantime(): Seconds;
}

/** What was done is written down under the action's name, so that it is known after a crash. */
export interface Ledger {
  /** Of which actions there is anything. */
  owners(): readonly { readonly jail: string; readonly action: string }[];
  marks(jail: string, action: string): readonly { readonly id: string; readonly data: string }[];
  set(jail: string, action: string, id: string, data: string): void;
  drop(jail: string, action: string, id: string): void;
  clear(jail: string, action: string): void;
}

export interface Voice {
  error(text: string): void;
  notice(text: string): void;
  info(text: string): void;
}

export interface ShellEnd {
  readonly kind: 'code' | 'timeout' | 'full' | 'failed';
  readonly code?: number;
  readonly why?: string;
  /** The end of what it printed. */
  readonly said: string;
  /** The processor time that it took, about. */
  readonly cpu_ms?: number;
}

/** What the daemon gives to all of them. */
export interface TicketWorld {
  readonly ledger: Ledger;
  /** `actions` and `utils`: fail2ban's names. */
  readonly voices: { readonly actions: Voice; readonly utils: Voice };
  readonly names: { readonly full: string; readonly short: string };
  /** Changes when the machine starts anew, and what the kernel held is gone. */
  readonly boot: string;
  now(): UnixTime;
  /** The processor time of all commands that have ended. */
  commandsCpu_ms(): number;
  nameOf(address: string): Promise<string | null>;
  /**
   * `values` are $0, $1, … of the script. `whole`: waits for all that it prints, and keeps more of it. `shared`: the same, and
   * who asks the same while it runs gets the same answer.
   */
  run(
    command: { readonly script: string; readonly values: readonly string[] },
    timeout_ms: number,
    output?: 'whole' | 'shared',
  ): Promise<ShellEnd>;
}

/** A step that did not work. */
export interface Trouble {
  readonly error: EdgebanError;
  /** Did it perhaps do its work, or part of it? */
  readonly half: boolean;
}

export type StepName =
  | 'actionstart'
  | 'actionstop'
  | 'actionflush'
  | 'actionreload'
  | 'actioncheck'
  | 'actionrepair'
  | 'actionban'
  | 'actionprolong'
  | 'actionreban'
  | 'actionunban'
  | 'actionlist'
  | 'actionlook'
  | 'actionlookfor';

/** The families that fail2ban tells apart; empty: an id that is no address, or an action that does not ask. */
export type TicketFamily = 'inet4' | 'inet6' | '';

/** A ban as a step sees it. */
export interface Ticket {
  readonly ban: Ban;
  readonly family: TicketFamily;
  /** Was it made before the action began? */
  readonly restored: boolean;
}

/** What can be done: by commands, or by ourselves. */
export interface Steps {
  readonly onDemand: boolean;
  /** Which families a start without demand begins. */
  readonly families: readonly TicketFamily[];
  readonly repairOnUnban: boolean;
  readonly norestored: boolean;
  /** Bans outlive a stop of the daemon (what it makes has time-outs of its own). */
  readonly stays: boolean;
  /** Ids that are no addresses are not its business. */
  readonly addressOnly: boolean;
  /** The processor time that its commands have taken, all together. */
  readonly cpu_ms: number;
  has(step: StepName): boolean;
  /** What tells one family's step from another's; empty: there is nothing to do. */
  keyOf(step: StepName, family: TicketFamily): string;
  /** `ticket`: null for the steps of the action itself. Null: it worked, or there is nothing to do. */
  run(step: StepName, family: TicketFamily, ticket: Ticket | null): Promise<Trouble | null>;
  /** The addresses and networks that `actionlist` finds blocked for a family, in canonical form; null: it cannot say. */
  list(family: TicketFamily): Promise<ReadonlySet<string> | null>;
  /** What `actionlook` prints of this action (`actionlookfor`) for a family: while that is the same, nothing has changed; null: it cannot say. */
  look(family: TicketFamily): Promise<string | null>;
}
