/** What the agent needs to know of one jail, whatever the configuration's language says it in. */

import { type ActionConf, isNftables } from '../../shared/config/action-conf.ts';
import type { BantimeExtra } from '../../shared/config/bantime-extra.ts';
import type { IgnoreCache, IgnoreConf } from '../../shared/config/jail-values.ts';
import type { Wide } from '../../shared/config/logencoding.ts';
import { type Planes, usualPlanes } from '../../shared/config/planes.ts';
import type { JailRules } from '../../shared/engine/decision.ts';
import type { FilterConf } from '../../shared/filter/filter.ts';

/** Where lines come from. Jails with equal plans share one source. */
export type SourcePlan =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly tail: boolean;
      readonly wake: boolean;
      /** Other lines than those of a jail that reads the file byte by byte. */
      readonly wide: Wide | null;
    }
  | {
      readonly kind: 'journal';
      /** fail2ban's journalmatch, one string a line. */
      readonly matches: readonly string[];
      /** What stands in the brackets of `systemd[…]`. */
      readonly options: Readonly<Record<string, string>>;
    };

export type ActionPlan = ActionConf;

export interface JailPlan {
  readonly name: string;
  /** `ignoreip` stands by itself: its names and files change with time. */
  readonly rules: Omit<JailRules, 'ignoreip'>;
  /** What the increments in `rules` were made of. */
  readonly bantimeExtra: BantimeExtra;
  readonly ignoreip: readonly IgnoreConf[];
  /** For the shell; null for none. */
  readonly ignorecommand: string | null;
  readonly ignorecache: IgnoreCache | null;
  /** Null: a jail without lines, whose bans come from elsewhere (the feed). */
  readonly filter: FilterConf | null;
  readonly logencoding: string;
  readonly backend: string;
  /** Globs and paths, as configured. */
  readonly logpath: readonly { readonly path: string; readonly tail: boolean }[];
  readonly journalmatch: readonly string[];
  readonly journalOptions: Readonly<Record<string, string>>;
  /** None where its bans are for the edge alone. */
  readonly actions: readonly ActionPlan[];
  /** Those that it takes up where the edge alone was to enforce its bans, and cannot. */
  readonly spareActions: readonly ActionPlan[];
  readonly planes: Planes;
  /** Are its failures told to the Worker, too? */
  readonly fleet: boolean;
}

/** The logs of a jail and how their lines are read: what is the same for two jails is the same here. */
export function logsOf(plan: JailPlan): string {
  const { backend, logpath, journalmatch, journalOptions, logencoding, filter } = plan;
  const dates = [filter?.datepattern ?? null, filter?.logtimezone ?? null];
  return JSON.stringify([backend, logpath, journalmatch, journalOptions, logencoding, dates]);
}

/**
 * As Source.name: known before the source is made, for its position is what it is made with. Jails that read the same from
 * the same begin share it.
 */
export function sourceName(plan: SourcePlan): string {
  if (plan.kind === 'file')
    return `file:${plan.path}${plan.tail ? ' tail' : ''}${plan.wide === null ? '' : ` ${plan.wide.name}`}`;
  return `journal:${JSON.stringify([plan.matches, plan.options])}`;
}

/** What a jail has that nobody has configured. */
export const bareJail = {
  bantimeExtra: {},
  ignoreip: [],
  ignorecommand: null,
  ignorecache: null,
  filter: null,
  logencoding: 'auto',
  logpath: [],
  journalmatch: [],
  journalOptions: {},
  actions: [],
  spareActions: [],
  planes: usualPlanes,
  fleet: false,
} satisfies Partial<JailPlan>;

/** The jail that holds what other hosts have banned. */
export const edgeJail = 'edge';

/** Rules of the jail `edge`: it counts nothing. */
export const edgeRules: JailPlan['rules'] = {
  ...{
    maxretry: 1,
    findtime: 0,
    maxmatches: 0,
    bantime: 0,
    increment: null,
    ignoreself: true,
    sliding: false,
    prefix6: 128,
  },
};

/**
 * Does an action go on with what another has made? Commands are handed over by the action's name. Sets of nftables: what the
 * next one does not use of them is swept.
 */
function usesSame(old: ActionPlan, next: ActionPlan): boolean {
  return (isNftables(old) && isNftables(next)) || (old.name === next.name && old.file === next.file);
}

/** Does an action of the jail's successor use what this one has made? Then that is its own now. */
export function isTakenOver(old: JailPlan, index: number, next: JailPlan | undefined): boolean {
  const action = old.actions[index];
  return action !== undefined && (next?.actions ?? []).some((other) => usesSame(action, other));
}
