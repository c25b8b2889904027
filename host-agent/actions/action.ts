/** The port of every action: where bans take effect. The store is the truth, an action's state is a projection of it. */
import type { EdgebanError } from '../../shared/errors.ts';
import type { Until } from '../../shared/time.ts';
import type { TicketAction } from './ticket-action.ts';

/** An address or network in canonical form, blocked until `until`. */
export interface Block {
  readonly address: string;
  readonly until: Until;
}

/** `add` of what is there already sets its end anew; `delete` of what is gone already is no error. */
export type Change =
  | { readonly kind: 'add'; readonly address: string; readonly until: Until }
  | { readonly kind: 'delete'; readonly address: string };

/** An address that could not be changed, and why; the others of its batch were changed. */
export interface Outcome {
  readonly address: string;
  readonly error: EdgebanError;
}

/**
 * One jail's action. Calls may overlap: they take effect in the order in which they were made.
 * `apply` and `reconcile` throw nothing of the operator's world per address: failures come back as outcomes.
 */
export interface Action {
  readonly name: string;
  /**
   * Makes what the action needs and then its state equal to `wanted`, by the difference alone: never empty in between.
   * Throws an EdgebanError where the action as a whole cannot work (program missing, a foreign set of the same name).
   */
  reconcile(wanted: readonly Block[]): Promise<readonly Outcome[]>;
  /**
   * A cheap look, at any size: is what `reconcile` made there still, and of the blocks these? All others are not looked for.
   * Throws like `reconcile`.
   */
  isThere(sample: readonly Block[]): Promise<boolean>;
  /** In order; later changes of an address win. ERR_ACTION_GONE: somebody emptied the firewall, call `reconcile`. */
  apply(changes: readonly Change[]): Promise<readonly Outcome[]>;
  list(): Promise<readonly Block[]>;
  /** Asks whether the address is blocked now, by itself or in a network. Throws like `reconcile`. */
  holds(address: string): Promise<boolean>;
  /** `flush` takes away everything that the action made; else all stays in force (a restart). */
  close(options: { readonly flush: boolean }): Promise<void>;
}

/** An action of a jail: one that blocks addresses, or one that runs something for each ban. */
export type JailAction =
  | { readonly kind: 'blocks'; readonly action: Action }
  | { readonly kind: 'tickets'; readonly action: TicketAction };
