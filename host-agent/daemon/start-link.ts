/** The link to the Worker, put together for the daemon. By itself, because a host that is not enrolled need not load it. */
import { describeError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Fleet } from '../agent/fleet.ts';
import type { EdgeLink as AgentLink } from '../agent/parts.ts';
import { EdgeLink } from '../edge/link.ts';
import type { EventOutbox } from '../edge/ports.ts';
import type { EdgeSettings } from '../edge/settings.ts';
import { realWorld } from '../edge/world.ts';
import type { Log } from '../log/log.ts';

/** The store's outbox as the link takes it. `resync`: tells all anew (edge/ports.ts). */
export function outboxOf(store: Store, resync: () => void): EventOutbox {
  const { outbox } = store;
  return {
    get size() {
      return outbox.size;
    },
    get lost() {
      return outbox.lost;
    },
    peek: (limit) => outbox.peek(limit),
    ack: (stream, seq) => store.transaction(() => outbox.ack(stream, seq)),
    resync,
  };
}

export function startLink(settings: EdgeSettings, store: Store, fleet: Fleet, resync: () => void, log: Log): AgentLink {
  const edge = log.logger('edge');
  const link = new EdgeLink({
    settings,
    outbox: outboxOf(store, resync),
    sink: fleet,
    world: realWorld,
    events: {
      up: (part) => edge.info(`${part}: the Worker at ${settings.url} answers`),
      trouble: (part, error, lasting) => {
        const text = `${part}: ${describeError(error)}`;
        if (lasting) edge.error(text);
        else edge.warning(`${text}; bans on this host go on, and the edge hears of them later`);
      },
      refused: ({ seq, code, message }) => edge.warning(`event ${seq} was refused by the Worker: ${message} (${code})`),
    },
  });
  link.start();
  return {
    wake: () => link.wake(),
    report: () => link.report(),
    explain: (address) => link.explain(address),
    ability: () => link.ability(),
    close: () => link.stop(),
  };
}
