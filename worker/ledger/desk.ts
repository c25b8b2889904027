/** What the operator does by hand: each act and its line in the ledger's record in one transaction. */

import { formatPrefix, overlaps } from '../../shared/address.ts';
import type { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { randomText, sha256 } from '../auth.ts';
import { log } from '../problem.ts';
import type { Allowed, AllowRequest, BanView, Lifted, OpenToken, OperatorBan } from '../shapes.ts';
import { noteAct, type Person } from './acts.ts';
import { readAddress } from './address.ts';
import { addAllowed, dropAllowed } from './allow-list.ts';
import { addOperatorBan, liftAll, liftHost, liftSpared, viewBan } from './bans.ts';
import { forgetWord } from './fleet.ts';
import { forgetAddresses } from './host-addresses.ts';
import { addEnrollToken, revokeHost } from './hosts.ts';
import type { Roll } from './roll.ts';
import { noteChange } from './state.ts';
import type { World } from './world.ts';

export interface DeskParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly roll: Roll;
  /** Throws ERR_SETTINGS. */
  readonly world: () => World;
  /** To be called after a change of who is banned. */
  readonly changed: () => Promise<void>;
  readonly now: () => UnixTime;
}

export class Desk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  async openEnrollToken(person: Person): Promise<OpenToken> {
    const token = randomText(24);
    const hash = await sha256(token);
    const { sql, now } = this.#parts;
    return sql.transaction(() => {
      const expires_at = addEnrollToken(sql, hash, now());
      noteAct(sql, person, 'enroll-token', '', now());
      return { token, expires_at };
    });
  }

  async addBan({ address, bantime }: OperatorBan, person: Person): Promise<BanView> {
    const prefix = readAddress(address);
    const { guard } = this.#parts.world();
    const time = this.#parts.now();
    const about = `${formatPrefix(prefix)} for ${bantime} s`;
    await this.#change(() => {
      noteAct(this.#parts.sql, person, 'ban', about, time);
      return addOperatorBan(this.#parts, guard, prefix, bantime, time);
    });
    log('operator-ban', { address: formatPrefix(prefix) });
    return viewBan(this.#parts, prefix, time);
  }

  async liftBan(address: string, person: Person): Promise<Lifted> {
    const prefix = readAddress(address);
    const { sql, now } = this.#parts;
    const lifted = await this.#change(() => {
      noteAct(sql, person, 'lift', formatPrefix(prefix), now());
      return liftAll(this.#parts, prefix, now());
    });
    log('operator-lift', { address: formatPrefix(prefix), holders: lifted });
    return { address: formatPrefix(prefix), lifted };
  }

  /**
   * Refuses the host's key from now on and lifts all that it holds: its key may be in the wrong hands, so its word
   * counts no more. An address that another host or the operator holds as well stays banned.
   */
  async revoke(id: string, person: Person): Promise<{ host: string; lifted: number }> {
    const { sql, now, world } = this.#parts;
    const time = now();
    const lifted = await this.#change(() => {
      const { name } = revokeHost(sql, id, time);
      forgetAddresses(sql, id);
      forgetWord(sql, id);
      noteAct(sql, person, 'revoked', `${id} ${name}`, time);
      return liftHost(this.#parts, id, time);
    });
    world().renewGuard();
    log('revoked', { host: id, lifted });
    return { host: id, lifted };
  }

  /** Bans that have an address in common with it are lifted. */
  async allow({ address, note }: AllowRequest, person: Person): Promise<Allowed> {
    const prefix = readAddress(address);
    const name = formatPrefix(prefix);
    const { sql, roll, now, world } = this.#parts;
    roll.follow(now());
    const lifted = await this.#change(() => {
      addAllowed(sql, prefix, note, now());
      noteAct(sql, person, 'allow', name, now());
      return liftSpared(this.#parts, roll.banned(), (banned) => overlaps(prefix, banned), now());
    });
    world().renewGuard();
    log('allowed', { address: name, lifted });
    return { address: name, note, lifted };
  }

  disallow(address: string, person: Person): { address: string } {
    const prefix = readAddress(address);
    const { sql, now, world } = this.#parts;
    sql.transaction(() => {
      dropAllowed(sql, prefix);
      noteAct(sql, person, 'disallow', formatPrefix(prefix), now());
    });
    world().renewGuard();
    return { address: formatPrefix(prefix) };
  }

  /** A change of who is banned and the note that KV and Cloudflare must follow, in one transaction. */
  async #change<T extends number | boolean>(body: () => T): Promise<T> {
    const { sql, changed } = this.#parts;
    const result = sql.transaction(() => {
      const outcome = body();
      if (outcome !== false && outcome !== 0) noteChange(sql);
      return outcome;
    });
    if (result !== false && result !== 0) await changed();
    return result;
  }
}
