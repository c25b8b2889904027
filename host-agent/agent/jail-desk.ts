/** One jail for the control socket: what a client may see and change of it. */
import { setImmediate as turn } from 'node:timers/promises';
import { formatPrefix } from '../../shared/address.ts';
import type { BantimeOption } from '../../shared/config/bantime-extra.ts';
import { type IgnoreConf, ignoreEntryOf } from '../../shared/config/jail-values.ts';
import type { Verdict } from '../../shared/engine/decision.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ban } from '../../shared/ticket.ts';
import type {
  ActionSettings,
  BanId,
  BanOptions,
  FailingBan,
  FilterChanges,
  IgnoringChanges,
  JailControl,
  JailCounts,
  JailSettings,
  RegexKind,
  Unbanned,
} from '../control/agent-control.ts';
import { actionSettings, addedAction, withProperty } from './action-alteration.ts';
import { pardon } from './amnesty.ts';
import type { Court } from './court.ts';
import { decoderOf } from './decoder.ts';
import type { Desk, Done } from './desk.ts';
import type { Jail } from './jail.ts';
import {
  withBantime,
  withFilter,
  withJournalMatch,
  withLog,
  withoutJournalMatch,
  withoutLog,
  withoutRegex,
  withRegex,
} from './jail-alteration.ts';
import { settingsOf } from './jail-settings.ts';
import type { JailPlan } from './plan.ts';

/** What a client may add to ignoreip, with what is there. */
const ignored_max = 10_000;
/** In one transaction, while the firewall takes in those before; then lines that came meanwhile have their turn. */
const banned_together_max = 1_000;

export interface JailDeskParts {
  /** As it runs now. */
  jail(): Jail;
  readonly store: Store;
  readonly engine: Engine;
  readonly court: Court;
  readonly desk: Desk;
  /** The files that the jail reads now. */
  files(): readonly string[];
  /** Give the jail other rules, or another list of whom it spares, until the next reload. */
  change(rules: Partial<JailPlan['rules']>): void;
  spare(ignoreip: readonly IgnoreConf[]): Promise<void>;
  /** Give it another plan until then. Throws what is wrong with it. */
  alter(plan: JailPlan): Promise<void>;
  /** Runs `body` when no reload is under way, and lets none begin meanwhile. Throws ERR_JAIL_UNKNOWN if one dropped the jail. */
  inTurn<T>(body: () => Promise<T>): Promise<T>;
  /** Give it other actions until then. Throws ERR_ACTION_PARAMETER. */
  alterActions(change: (actions: JailPlan['actions']) => JailPlan['actions']): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export class JailDesk implements JailControl {
  readonly #parts: JailDeskParts;

  constructor(parts: JailDeskParts) {
    this.#parts = parts;
  }

  counts(): JailCounts {
    const { store, engine } = this.#parts;
    const jail = this.#parts.jail();
    return {
      currentlyFailed: engine.failing(jail.name),
      totalFailed: jail.totalFailed,
      currentlyBanned: store.bans.heldCount(jail.name),
      totalBanned: jail.totalBanned,
      givenUp: jail.givenUp,
    };
  }

  get idle(): boolean {
    return this.#parts.jail().idle;
  }

  settings(): JailSettings {
    const { engine } = this.#parts;
    const jail = this.#parts.jail();
    return settingsOf(jail, engine, this.#parts.files());
  }

  bans(): readonly Ban[] {
    return [...this.#parts.store.bans.heldIn(this.#parts.jail().name)];
  }

  failing(): readonly FailingBan[] {
    return this.#parts
      .jail()
      .failing()
      .map(({ action, id, error }) => ({ action, id, code: error.code }));
  }

  ban(ids: readonly BanId[], options: BanOptions): Promise<number> {
    const ban = () => this.#ban(ids, options);
    return ids.length > banned_together_max ? this.#parts.inTurn(ban) : ban();
  }

  async #ban(ids: readonly BanId[], options: BanOptions): Promise<number> {
    const told: Promise<void>[] = [];
    let banned = 0;
    if (!options.force && ids.length > banned_together_max) this.#refuseGuarded(ids);
    try {
      for (let i = 0; i < ids.length; i += banned_together_max) {
        if (i > 0) await turn();
        const { result, settled } = this.#banTogether(ids.slice(i, i + banned_together_max), options);
        told.push(settled);
        banned += result;
      }
    } finally {
      await Promise.all(told);
    }
    return banned;
  }

  #refuseGuarded(ids: readonly BanId[]): void {
    for (const id of ids) {
      const verdict = this.#parts.engine.refusal(id);
      if (verdict !== null) throw refusal(verdict);
    }
  }

  #banTogether(ids: readonly BanId[], options: BanOptions): Done<number> {
    const { engine, court, desk } = this.#parts;
    const jail = this.#parts.jail();
    const done = desk.transact((effects, now) => {
      const fresh = ids.filter((id) => {
        const verdict = engine.banNow(jail.name, id, now, options.force, options.bantime);
        if (verdict.kind === 'refused') throw refusal(verdict);
        return court.carryOut(jail.name, verdict, effects);
      });
      return fresh.length;
    });
    jail.totalBanned += done.result;
    return done;
  }

  async unban(ids: readonly BanId[]): Promise<Unbanned> {
    const { result, settled } = pardon(this.#parts, this.#parts.jail().name, ids);
    await settled;
    return { lifted: result.bans.length, absent: result.absent };
  }

  async attempt(id: BanId, lines: readonly string[]): Promise<void> {
    const { court, desk } = this.#parts;
    const jail = this.#parts.jail();
    const { result, settled } = desk.transact((effects, now) => court.attempt(jail.name, id, lines, now, effects));
    jail.totalFailed += 1;
    if (result) jail.totalBanned += 1;
    await settled;
  }

  async addIgnored(texts: readonly string[]): Promise<void> {
    const { ignoreip } = this.#parts.jail();
    const all = new Map(
      [...ignoreip, ...texts.filter((text) => text !== '').map(ignoreEntryOf)].map((entry) => [keyOf(entry), entry]),
    );
    const relative = [...all.values()].find((entry) => entry.kind === 'file' && !entry.path.startsWith('/'));
    if (relative !== undefined) throw new EdgebanError('ERR_CONFIG_VALUE', `'${relative.text}' is no absolute path`);
    if (all.size > ignored_max)
      throw new EdgebanError('ERR_CONFIG_LIMIT', `no more than ${ignored_max} entries: use file:PATH`);
    await this.#parts.spare([...all.values()]);
  }

  async dropIgnored(text: string): Promise<boolean> {
    const { ignoreip } = this.#parts.jail();
    const key = keyOf(ignoreEntryOf(text));
    const kept = ignoreip.filter((entry) => keyOf(entry) !== key);
    if (kept.length === ignoreip.length) return false;
    await this.#parts.spare(kept);
    return true;
  }

  change(rules: Partial<JailPlan['rules']>): void {
    this.#parts.change(rules);
  }

  changeFilter(changes: FilterChanges): Promise<void> {
    return this.#alter((plan) => withFilter(plan, changes));
  }

  changeIgnoring(changes: IgnoringChanges): Promise<void> {
    const { ignorecommand, ...others } = changes;
    const command = ignorecommand === undefined ? {} : { ignorecommand: ignorecommand === '' ? null : ignorecommand };
    return this.#alter((plan) => ({ ...plan, ...others, ...command }));
  }

  changeEncoding(logencoding: string): Promise<void> {
    decoderOf(logencoding);
    return this.#alter((plan) => ({ ...plan, logencoding }));
  }

  changeBantime(name: BantimeOption, text: string): Promise<void> {
    const changed = withBantime(this.#parts.jail().plan, name, text, this.#parts.random);
    this.#parts.change(changed.rules);
    return this.#parts.alter(changed.plan);
  }

  addRegex(kind: RegexKind, regex: string): Promise<void> {
    return this.#alter((plan) => withRegex(plan, kind, regex));
  }

  dropRegex(kind: RegexKind, index: number): Promise<void> {
    return this.#alter((plan) => withoutRegex(plan, kind, index));
  }

  addLog(path: string, tail: boolean): Promise<void> {
    return this.#alter((plan) => withLog(plan, path, tail));
  }

  dropLog(path: string): Promise<void> {
    return this.#alter((plan) => withoutLog(plan, path, this.#parts.files()));
  }

  addJournalMatch(words: readonly string[]): Promise<void> {
    return this.#alter((plan) => withJournalMatch(plan, words));
  }

  async dropJournalMatch(words: readonly string[]): Promise<boolean> {
    const plan = withoutJournalMatch(this.#parts.jail().plan, words);
    if (plan !== null) await this.#parts.alter(plan);
    return plan !== null;
  }

  actions(): readonly ActionSettings[] {
    return this.#parts.jail().plan.actions.map(actionSettings);
  }

  async addAction(name: string): Promise<void> {
    const added = addedAction(name);
    await this.#parts.alterActions((actions) => [...actions, added]);
  }

  async dropAction(name: string): Promise<void> {
    await this.#parts.alterActions((actions) => actions.filter((action) => action.name !== name));
  }

  async changeAction(name: string, property: string, text: string): Promise<void> {
    await this.#parts.alterActions((actions) =>
      actions.map((action) => (action.name === name ? withProperty(action, property, text) : action)),
    );
  }

  async setIdle(idle: boolean): Promise<void> {
    this.#parts.jail().idle = idle;
    await this.#alter((plan) => plan);
  }

  #alter(change: (plan: JailPlan) => JailPlan): Promise<void> {
    return this.#parts.alter(change(this.#parts.jail().plan));
  }
}

/** As an entry is told from others: a network by itself, however it is written. */
function keyOf(entry: IgnoreConf): string {
  return entry.kind === 'network' ? formatPrefix(entry.prefix) : entry.text;
}

function refusal({ code, id, message }: Extract<Verdict, { kind: 'refused' }>): EdgebanError {
  return new EdgebanError(code, `${id}: ${message}; banip --force bans it all the same`);
}
