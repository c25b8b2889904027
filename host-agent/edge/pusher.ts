/** Sends what the outbox holds to the Worker: in order, one batch at a time, until it is acknowledged. */
import { EdgebanError } from '../../shared/errors.ts';
import { type EventReceipt, wireLimits } from '../../shared/wire.ts';
import type { EdgeClient } from './client.ts';
import type { EdgeEvents, EdgeWorld, EventOutbox, PendingEvents } from './ports.ts';
import { EdgeRefusal } from './refusal.ts';
import { type BackoffLimits, Standing } from './standing.ts';

/** What the frame around the events takes of a body, in bytes. */
const frame_bytes = 128;

export interface PusherOptions {
  readonly client: Pick<EdgeClient, 'postEvents'>;
  readonly outbox: EventOutbox;
  readonly world: EdgeWorld;
  readonly events: EdgeEvents;
  readonly limits: BackoffLimits;
}

/** Sending an event twice changes nothing at the Worker, so that an acknowledgement that was lost costs nothing. */
export class Pusher {
  readonly standing: Standing;
  readonly #options: PusherOptions;
  readonly #stop = new AbortController();
  #wake: () => void = () => undefined;
  #woken = false;
  #running: Promise<void> = Promise.resolve();
  /** Events still to be sent alone, to find the one that made the Worker refuse a whole batch. */
  #alone = 0;
  /** The highest number whose refusal was told: a batch sent again is refused again. */
  #told = { stream: '', seq: 0 };

  constructor(options: PusherOptions) {
    this.#options = options;
    this.standing = new Standing('events', options.world, options.events, options.limits);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The outbox has something new. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Gives up what is on its way; the outbox keeps it. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { world } = this.#options;
    while (!this.#stop.signal.aborted) {
      const wait = await this.#turn();
      if (wait === null) await this.#idle();
      else if (wait > 0) await world.sleep(wait, this.#stop.signal);
    }
  }

  /** Sends one batch. Returns the seconds to wait before the next; null: until there is something to send. */
  async #turn(): Promise<number | null> {
    this.#woken = false;
    let pending: PendingEvents | null = null;
    try {
      pending = this.#next();
      if (pending === null) return null;
      const receipt = await this.#options.client.postEvents(bodyOf(pending), this.#stop.signal);
      this.#taken(pending, receipt);
      this.standing.ok();
      return 0;
    } catch (error) {
      if (this.#stop.signal.aborted) return 0;
      return this.#failed(pending, error instanceof Error ? error : new Error(String(error)));
    }
  }

  #next(): PendingEvents | null {
    const { outbox } = this.#options;
    const limit = this.#alone > 0 ? 1 : wireLimits.batch_events_max;
    const oldest = outbox.peek(limit);
    // What found no room can only be made good by telling all anew, and there is room now.
    if (oldest === null && outbox.lost) outbox.resync();
    const pending = oldest ?? outbox.peek(limit);
    return pending === null ? null : fitting(pending);
  }

  #taken(pending: PendingEvents, receipt: EventReceipt): void {
    const last = pending.first + pending.events.length - 1;
    if (receipt.stream !== pending.stream) throw new EdgebanError('ERR_EDGE_REPLY', 'a receipt for another stream');
    if (receipt.acked < pending.first) throw new EdgebanError('ERR_EDGE_REPLY', 'a receipt that takes in nothing');
    this.#tellRefused(pending, receipt);
    // Never beyond what was sent: a receipt may not make us forget what the Worker cannot have seen.
    this.#options.outbox.ack(pending.stream, Math.min(receipt.acked, last));
    this.#alone = Math.max(0, this.#alone - 1);
  }

  #tellRefused(pending: PendingEvents, receipt: EventReceipt): void {
    const told = this.#told.stream === pending.stream ? this.#told.seq : 0;
    const last = pending.first + pending.events.length - 1;
    const fresh = receipt.refused.filter(({ seq }) => seq > told && seq >= pending.first && seq <= last);
    for (const refused of fresh.slice(0, wireLimits.batch_events_max)) this.#options.events.refused(refused);
    this.#told = { stream: pending.stream, seq: Math.max(told, Math.min(receipt.acked, last)) };
  }

  #failed(pending: PendingEvents | null, error: Error): number {
    if (pending !== null && error instanceof EdgeRefusal) {
      if (error.problem === 'ERR_EVENTS_GAP') return this.#gap(pending, error);
      if (isPoison(error)) return this.#narrow(pending, error);
    }
    return this.standing.failed(error);
  }

  /** The Worker waits for another number than our oldest: it has more than we know, or has lost what we no longer have. */
  #gap(pending: PendingEvents, error: EdgeRefusal): number {
    const { outbox } = this.#options;
    const wait = this.standing.failed(error);
    const last = pending.first + pending.events.length - 1;
    const { expected } = error;
    if (expected !== null && expected > pending.first && expected <= last + 1) outbox.ack(pending.stream, expected - 1);
    else outbox.resync();
    return wait;
  }

  /** One event may not hold up the others: it is sent alone, and given up if it is refused alone. */
  #narrow(pending: PendingEvents, error: EdgeRefusal): number {
    if (pending.events.length > 1) {
      this.#alone = pending.events.length;
      return 0;
    }
    this.#options.events.refused({ seq: pending.first, code: error.problem ?? error.code, message: error.message });
    this.#options.outbox.ack(pending.stream, pending.first);
    this.#alone = Math.max(0, this.#alone - 1);
    return 0;
  }

  async #idle(): Promise<void> {
    if (this.#woken || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = () => undefined;
  }
}

/** The Worker itself, not a proxy before it, finds the content wrong. */
function isPoison(error: EdgeRefusal): boolean {
  return (
    error.problem === 'ERR_REQUEST_INVALID' ||
    error.problem === 'ERR_BODY_TOO_LARGE' ||
    error.problem === 'ERR_EVENT_INVALID'
  );
}

/** As many as fit into one body; always at least one. */
function fitting(pending: PendingEvents): PendingEvents {
  let bytes = frame_bytes;
  let count = 0;
  for (const event of pending.events) {
    bytes += Buffer.byteLength(event) + 1;
    if (count > 0 && bytes > wireLimits.body_bytes_max) break;
    count += 1;
  }
  return { ...pending, events: pending.events.slice(0, count) };
}

function bodyOf({ stream, first, events }: PendingEvents): string {
  return `{"stream":${JSON.stringify(stream)},"first":${first},"events":[${events.join(',')}]}`;
}
