/** The ledger's tables of incidents: what is open, what people were told, and what waits to be delivered. */
import { z } from 'zod';
import { type Alert, type AlertsPage, alertOf, retryAfter } from '../../shared/alerts.ts';
import { followIncidents, Incident, keyOf, type News, type Symptom } from '../../shared/incidents.ts';
import { Meta } from '../../shared/store/meta.ts';
import { number, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';

export const alertLimits = {
  /** News that are remembered, for hosts that pass them on. */
  news_max: 200,
  page_max: 100,
} as const;

const lookKey = 'alerts.look';

/** Where a message is delivered to. */
export type Target = 'webhook' | 'ntfy';

export interface Delivery {
  readonly n: number;
  readonly target: Target;
  readonly attempts: number;
  readonly alert: Alert;
}

/** Those that people were told of, and that are not over. */
export function openIncidents(sql: Sql): Incident[] {
  return incidentsIn(sql).filter(({ told, ended }) => told !== null && ended === null);
}

function incidentsIn(sql: Sql): Incident[] {
  return sql.all('SELECT incident FROM incidents').map((row) => Incident.parse(JSON.parse(text(row, 'incident'))));
}

export class Book {
  readonly #sql: Sql;
  readonly #ledger: () => string;

  constructor(sql: Sql, ledger: () => string) {
    this.#sql = sql;
    this.#ledger = ledger;
  }

  incidents(): Incident[] {
    return incidentsIn(this.#sql);
  }

  /** When was last looked. */
  get lookedAt(): UnixTime {
    return new Meta(this.#sql).count(lookKey);
  }

  /** Notes what is wrong now; `targets`: who is to be told of what has begun or ended. */
  note(symptoms: readonly Symptom[], targets: readonly Target[], now: UnixTime): readonly News[] {
    return this.#sql.transaction(() => {
      const before = this.incidents();
      const { incidents, news } = followIncidents(before, symptoms, now);
      this.#keep(before, incidents);
      for (const one of news) this.#tell(one, targets, now);
      new Meta(this.#sql).set(lookKey, String(Math.floor(now)));
      return news;
    });
  }

  #keep(before: readonly Incident[], after: readonly Incident[]): void {
    const kept = new Set(after.map(keyOf));
    for (const incident of before)
      if (!kept.has(keyOf(incident))) this.#sql.all('DELETE FROM incidents WHERE key = ?', keyOf(incident));
    for (const incident of after) {
      if (before.includes(incident)) continue;
      this.#sql.all(
        'INSERT OR REPLACE INTO incidents (key, incident) VALUES (?, ?)',
        ...[keyOf(incident), JSON.stringify(incident)],
      );
    }
  }

  /** An end takes the place of a beginning that has not been delivered: it tells both times. */
  #tell(news: News, targets: readonly Target[], now: UnixTime): void {
    const [row] = this.#sql.all(
      'INSERT INTO alerts (key, at, news) VALUES (?, ?, ?) RETURNING n',
      ...[keyOf(news.incident), now, JSON.stringify(news)],
    );
    if (row === undefined) return;
    const n = number(row, 'n');
    this.#sql.all(
      'DELETE FROM alert_deliveries WHERE n IN (SELECT n FROM alerts WHERE key = ? AND n < ?)',
      ...[keyOf(news.incident), n],
    );
    for (const target of targets)
      this.#sql.all('INSERT INTO alert_deliveries (n, target, attempts, due) VALUES (?, ?, 0, ?)', n, target, now);
    this.#sql.all('DELETE FROM alerts WHERE n <= ?', n - alertLimits.news_max);
    this.#sql.all('DELETE FROM alert_deliveries WHERE n <= ?', n - alertLimits.news_max);
  }

  /** When the next delivery is due; null: none waits. */
  deliveryDue(): UnixTime | null {
    const [row] = this.#sql.all('SELECT due FROM alert_deliveries ORDER BY due LIMIT 1');
    return row === undefined ? null : number(row, 'due');
  }

  due(now: UnixTime, max: number): Delivery[] {
    const query = `SELECT d.n, d.target, d.attempts, a.news FROM alert_deliveries d JOIN alerts a ON a.n = d.n
      WHERE d.due <= ? ORDER BY d.n LIMIT ?`;
    return this.#sql.all(query, now, max).flatMap((row) => {
      const target = text(row, 'target');
      if (target !== 'webhook' && target !== 'ntfy') return [];
      const n = number(row, 'n');
      const alert = alertOf(newsOf(text(row, 'news')), 'worker', `${this.#ledger()}/${n}`);
      return [{ n, target, attempts: number(row, 'attempts'), alert }];
    });
  }

  /** It has arrived, or will never. */
  done({ n, target }: Delivery): void {
    this.#sql.all('DELETE FROM alert_deliveries WHERE n = ? AND target = ?', n, target);
  }

  /** False: it was given up. */
  failed(delivery: Delivery, now: UnixTime): boolean {
    const { n, target, attempts } = delivery;
    const pause = retryAfter(attempts + 1);
    if (pause === null) this.done(delivery);
    else
      this.#sql.all(
        'UPDATE alert_deliveries SET attempts = ?, due = ? WHERE n = ? AND target = ?',
        ...[attempts + 1, now + pause, n, target],
      );
    return pause !== null;
  }

  /** News after a number; without one (null) the beginnings of what is open now. */
  page(after: number | null): AlertsPage {
    const rows = this.#sql.all('SELECT n, news FROM alerts WHERE n > ? ORDER BY n LIMIT ?', after ?? 0, 1_000);
    const all = rows.map((row) => ({ n: number(row, 'n'), ...newsOf(text(row, 'news')) }));
    const open = new Set(openIncidents(this.#sql).map(keyOf));
    const newest = new Map(all.map(({ n, incident }) => [keyOf(incident), n]));
    const isWanted = ({ n, incident }: (typeof all)[number]) =>
      after !== null || (open.has(keyOf(incident)) && newest.get(keyOf(incident)) === n);
    const shown = all.filter(isWanted).slice(0, alertLimits.page_max);
    const last = (after === null ? all.at(-1)?.n : shown.at(-1)?.n) ?? after ?? 0;
    const alerts = shown.map(({ n, phase, incident: { kind, about, since, ended } }) => {
      return { n, phase, kind, about: about.slice(0, 100), since, ended };
    });
    return { ledger: this.#ledger(), last, alerts };
  }
}

const NewsRow: z.ZodType<News> = z.object({ phase: z.enum(['began', 'ended']), incident: Incident });

function newsOf(json: string): News {
  return NewsRow.parse(JSON.parse(json));
}
