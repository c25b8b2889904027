/** One jail for the control socket: what a client may see and change of it. */
import { formatPrefix, isSingle } from '../../shared/address.ts';
import { type IgnoreConf, ignoreEntryOf } from '../../shared/config/jail-values.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { BanId, JailControl, JailCounts, JailSettings, Unbanned } from '../control/agent-control.ts';
import type { Court } from './court.ts';
import type { Desk } from './desk.ts';
import type { Jail } from './jail.ts';
import type { JailPlan } from './plan.ts';

/** What a client may add to ignoreip, with what is there. */
const ignored_max = 10_000;

export interface JailDeskParts {
  readonly jail: Jail;
  readonly store: Store;
  readonly engine: Engine;
  readonly court: Court;
  readonly desk: Desk;
  /** The files that the jail reads now. */
  files(): readonly string[];
  /** Give the jail other rules, or another list of whom it spares, until the next reload. */
  change(rules: Partial<JailPlan['rules']>): void;
  spare(ignoreip: readonly IgnoreConf[]): Promise<void>;
}

export class JailDesk implements JailControl {
  readonly #parts: JailDeskParts;

  constructor(parts: JailDeskParts) {
    this.#parts = parts;
  }

  counts(): JailCounts {
    const { jail, store, engine } = this.#parts;
    return {
      currentlyFailed: engine.failing(jail.name),
      totalFailed: jail.totalFailed,
      currentlyBanned: store.bans.heldCount(jail.name),
      totalBanned: jail.totalBanned,
    };
  }

  settings(): JailSettings {
    const { jail, engine } = this.#parts;
    const { plan } = jail;
    const { maxretry, findtime, bantime, maxmatches, ignoreself } = engine.rules(jail.name);
    return {
      backend: plan.backend,
      ...{ maxretry, findtime, bantime, maxmatches, ignoreself },
      ignorecommand: plan.ignorecommand ?? '',
      usedns: plan.filter?.usedns ?? 'warn',
      logencoding: plan.logencoding,
      ignoreip: shownIgnoreip(jail.ignoreip),
      logpath: this.#parts.files(),
      journalmatch: plan.backend === 'systemd' ? plan.journalmatch.map((match) => match.split(/\s+/)) : [],
      failregex: jail.failregex,
      ignoreregex: plan.filter?.ignoreregex.map(({ regex }) => regex) ?? [],
      actions: plan.actions.map(({ name }) => name),
    };
  }

  bans(): readonly Ban[] {
    return this.#parts.store.bans.heldIn(this.#parts.jail.name);
  }

  async ban(ids: readonly BanId[]): Promise<number> {
    const { jail, engine, court, desk } = this.#parts;
    const { result, settled } = desk.transact((effects, now) => {
      const fresh = ids.filter((id) => {
        const verdict = engine.banNow(jail.name, id, now);
        if (verdict.kind === 'refused') throw new EdgebanError(verdict.code, `${verdict.id}: ${verdict.message}`);
        return court.carryOut(jail.name, verdict, effects);
      });
      return fresh.length;
    });
    jail.totalBanned += result;
    await settled;
    return result;
  }

  async unban(ids: readonly BanId[]): Promise<Unbanned> {
    const { jail, engine, court, desk } = this.#parts;
    const { result, settled } = desk.transact((effects, now) => {
      const absent: BanId[] = [];
      let lifted = 0;
      for (const id of ids) {
        const bans = engine.heldBy(jail.name, id);
        if (bans.length === 0) absent.push(id);
        for (const ban of bans) court.pardon(ban, now, effects);
        lifted += bans.length;
      }
      return { lifted, absent };
    });
    await settled;
    return result;
  }

  async attempt(id: BanId, lines: readonly string[]): Promise<void> {
    const { jail, court, desk } = this.#parts;
    const { result, settled } = desk.transact((effects, now) => court.attempt(jail.name, id, lines, now, effects));
    jail.totalFailed += 1;
    if (result) jail.totalBanned += 1;
    await settled;
  }

  async addIgnored(texts: readonly string[]): Promise<void> {
    const { ignoreip } = this.#parts.jail;
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
    const { ignoreip } = this.#parts.jail;
    const key = keyOf(ignoreEntryOf(text));
    const kept = ignoreip.filter((entry) => keyOf(entry) !== key);
    if (kept.length === ignoreip.length) return false;
    await this.#parts.spare(kept);
    return true;
  }

  change(rules: Partial<JailPlan['rules']>): void {
    this.#parts.change(rules);
  }
}

/** As an entry is told from others: a network by itself, however it is written. */
function keyOf(entry: IgnoreConf): string {
  return entry.kind === 'network' ? formatPrefix(entry.prefix) : entry.text;
}

/** In fail2ban's order: networks and names, then single addresses. */
function shownIgnoreip(ignoreip: readonly IgnoreConf[]): string[] {
  const isAddress = (entry: IgnoreConf) => entry.kind === 'network' && isSingle(entry.prefix);
  return [...ignoreip.filter((entry) => !isAddress(entry)), ...ignoreip.filter(isAddress)].map(({ text }) => text);
}
