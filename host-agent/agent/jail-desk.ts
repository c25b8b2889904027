/** One jail for the control socket: what a client may see and change of it. */
import { isSingle } from '../../shared/address.ts';
import type { IgnoreConf } from '../../shared/config/jail-values.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { BanId, JailControl, JailCounts, JailSettings, Unbanned } from '../control/agent-control.ts';
import type { Court } from './court.ts';
import type { Desk } from './desk.ts';
import type { Jail } from './jail.ts';

export interface JailDeskParts {
  readonly jail: Jail;
  readonly store: Store;
  readonly engine: Engine;
  readonly court: Court;
  readonly desk: Desk;
  /** The files that the jail reads now. */
  files(): readonly string[];
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
    const { maxretry, findtime, bantime } = engine.rules(jail.name);
    return {
      backend: plan.backend,
      maxretry,
      findtime,
      bantime,
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
}

/** In fail2ban's order: networks and names, then single addresses. */
function shownIgnoreip(ignoreip: readonly IgnoreConf[]): string[] {
  const isAddress = (entry: IgnoreConf) => entry.kind === 'network' && isSingle(entry.prefix);
  return [...ignoreip.filter((entry) => !isAddress(entry)), ...ignoreip.filter(isAddress)].map(({ text }) => text);
}
