/** Telling the Worker bans in force anew: after an enrolment, after a loss, and when a jail's are to be enforced elsewhere. */
import { usualPlanes } from '../../shared/config/planes.ts';
import { strings } from '../../shared/store/row.ts';
import type { Jail } from './jail.ts';
import type { Core } from './parts.ts';
import { edgeJail } from './plan.ts';

export class Telling {
  readonly #core: Core;
  readonly #jails: () => readonly Jail[];

  constructor(core: Core, jails: () => readonly Jail[]) {
    this.#core = core;
    this.#jails = jails;
  }

  /** A Worker at which the host was enrolled just now knows nothing of the bans in force. */
  tellNewLedger(): void {
    const { parts, desk } = this.#core;
    const { host, store } = parts;
    if (host === null || store.meta.get('edge.host') === host) return;
    desk.transact(() => {
      this.#queueAll();
      store.meta.set('edge.host', host);
      store.meta.set('edge.planes', JSON.stringify(this.#words()));
    });
  }

  /** The link asks for it when events were lost, here or at the Worker. */
  tellAnew(): void {
    this.#core.desk.transact(() => this.#queueAll());
  }

  /** After a start and a reload: jails may have another `edge` or `plane` than when they told their bans. */
  tellPlanes(): void {
    const { parts, court, desk } = this.#core;
    const { meta, bans } = parts.store;
    if (parts.host === null) return;
    const told = strings({ planes: meta.get('edge.planes') ?? '{}' }, 'planes');
    const words = this.#words();
    const changed = Object.keys(words).filter((jail) => words[jail] !== (told[jail] ?? usualWord));
    // what a jail that does not run now has told still holds
    const kept = Object.entries(told).filter(([jail]) => bans.heldCount(jail) > 0);
    const next = JSON.stringify({ ...Object.fromEntries(kept), ...words });
    if (changed.length === 0 && next === meta.get('edge.planes')) return;
    desk.transact((effects) => {
      for (const jail of changed) court.tellOf(jail, effects);
      meta.set('edge.planes', next);
    });
  }

  #words(): Record<string, string> {
    return Object.fromEntries(this.#told().map(({ name, plan }) => [name, wordOf(plan.planes)]));
  }

  #queueAll(): void {
    this.#core.court.tellAnew(this.#told().map(({ name }) => name));
  }

  #told(): Jail[] {
    return this.#jails().filter(({ name }) => name !== edgeJail);
  }
}

function wordOf({ edge, hosts }: Pick<typeof usualPlanes, 'edge' | 'hosts'>): string {
  return `${edge} ${hosts}`;
}

const usualWord = wordOf(usualPlanes);
