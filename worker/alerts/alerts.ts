/** The watch over the edge, put together from what the ledger has. */

import type { AlertsPage } from '../../shared/alerts.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { Enforcement } from '../cloudflare/enforcement.ts';
import { kvWrites } from '../ledger/enforcement-view.ts';
import { stanceOf } from '../ledger/standing.ts';
import { countOf, readState } from '../ledger/state.ts';
import type { HostView, StatusView } from '../shapes.ts';
import { Book } from './book.ts';
import { type AlertVars, readAlerts } from './settings.ts';
import type { Signs } from './symptoms.ts';
import { Watch } from './watch.ts';

export interface AlertsParts {
  readonly sql: Sql;
  readonly env: AlertVars;
  /** `status` throws ERR_SETTINGS. */
  readonly views: { status(): StatusView; hosts(): readonly HostView[] };
  readonly enforcement: () => Enforcement | null;
}

export class Alerts {
  readonly watch: Watch;
  readonly #book: Book;

  constructor({ sql, env, views, enforcement }: AlertsParts) {
    this.#book = new Book(sql, () => readState(sql).id);
    this.watch = new Watch({
      book: this.#book,
      settings: () => readAlerts(env),
      signs: (now) => ({ ...signsOf(views), writes: kvWrites(sql, now) }),
      stance: () => stanceOf(sql),
      isNeeded: () =>
        enforcement() !== null || countOf(sql, 'SELECT COUNT(*) AS n FROM hosts WHERE revoked_at IS NULL') > 0,
      isWaiting: () => enforcement()?.waitsUntil() != null,
      fetch: (url, init) => fetch(url, init),
    });
  }

  /** For a host, by the path of its request. */
  page(path: string): AlertsPage {
    const after = new URL(path, 'https://ledger').searchParams.get('after') ?? '';
    return this.#book.page(/^\d{1,15}$/.test(after) ? Number(after) : null);
  }
}

function signsOf(views: AlertsParts['views']): Omit<Signs, 'writes'> {
  const hosts = views.hosts();
  try {
    return { hosts, status: views.status(), trouble: '' };
  } catch (error) {
    return { hosts, status: null, trouble: messageOf(error) };
  }
}
