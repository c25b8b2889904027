/** Sessions of the dashboard as the ledger sees them: logins that fail are slowed down, and one that was ended counts no more. */
import { formatPrefix, parsePrefix, widened } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { log, RequestRefusal } from '../problem.ts';
import { noteAct, type Person } from './acts.ts';
import { Buckets } from './buckets.ts';
import { ledgerLimits } from './limits.ts';
import { closePages } from './live.ts';

const { logins_burst, logins_per_minute_max, enrolling_addresses_max } = ledgerLimits;

export class Sessions {
  readonly #sql: Sql;
  readonly #state: DurableObjectState;
  readonly #now: () => UnixTime;
  readonly #failures = new Buckets(logins_burst, logins_per_minute_max, enrolling_addresses_max);

  constructor(sql: Sql, state: DurableObjectState, now: () => UnixTime) {
    this.#sql = sql;
    this.#state = state;
    this.#now = now;
  }

  /** Throws ERR_CAP_LOGINS where too many have failed from there, ERR_AUTH_OPERATOR if the token was wrong. */
  login(person: Person, isRight: boolean): null {
    const from = originOf(person.place);
    if (this.#failures.take(from, 1, this.#now()) === 0) {
      const retry_after = this.#failures.waitFor(from, 1);
      throw new RequestRefusal('ERR_CAP_LOGINS', 'too many logins fail from this address', { retry_after });
    }
    if (!isRight) {
      log('login-failed', { place: person.place });
      throw new EdgebanError('ERR_AUTH_OPERATOR', "the operator's token is wrong");
    }
    this.#failures.giveBack(from);
    this.#sql.transaction(() => noteAct(this.#sql, person, 'login', '', this.#now()));
    return null;
  }

  logout(person: Person, { id, until }: { readonly id: string; readonly until: UnixTime }): null {
    this.#sql.transaction(() => {
      this.#sql.all('DELETE FROM ended_sessions WHERE expires_at <= ?', this.#now());
      this.#sql.all('INSERT OR IGNORE INTO ended_sessions (id, expires_at) VALUES (?, ?)', id, until);
      noteAct(this.#sql, person, 'logout', '', this.#now());
    });
    closePages(this.#state, id);
    return null;
  }

  /** Throws ERR_AUTH_SESSION if it was ended. */
  check({ id }: { readonly id: string }): null {
    if (this.#sql.all('SELECT 1 FROM ended_sessions WHERE id = ?', id).length === 0) return null;
    throw new EdgebanError('ERR_AUTH_SESSION', 'the session was ended: log in again');
  }
}

function originOf(place: string | null): string {
  const prefix = place === null ? null : parsePrefix(place);
  return prefix === null ? '' : formatPrefix(widened(prefix, 64));
}
