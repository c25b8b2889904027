/** A host's requests to the Worker, signed as real ones, over a line that loses, repeats and answers late. */

import { check } from '../../host-agent/edge/client.ts';
import type { FeedPlace } from '../../host-agent/edge/ports.ts';
import { EdgeRefusal } from '../../host-agent/edge/refusal.ts';
import { type Identity, signRequest } from '../../host-agent/edge/sign.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { EdgeAbility, EdgeStory, EventReceipt, FeedPage, RotateReply, type ToldEvent } from '../../shared/wire.ts';
import type { Clock } from './clock.ts';
import type { SimulatedEdge } from './edge.ts';

/** What happens to one request. `replayed`: it comes twice, word for word. `repeated`: it is sent once more, signed anew. */
export type Fate = 'good' | 'lost' | 'answer lost' | 'replayed' | 'repeated';

/** From where all hosts come. */
export const hostAddress = '192.0.2.10';

const unreachable = () => new EdgebanError('ERR_EDGE_UNREACHABLE', 'the line is cut');

export class WorkerClient {
  identity: Identity | null = null;
  isCut = false;
  /** Called with what was taken in twice. */
  twice: (what: string) => void = () => undefined;
  /** Sends once more, word for word, the newest events that were taken in. */
  #kept: () => Promise<void> = async () => undefined;
  readonly #edge: SimulatedEdge;
  readonly #clock: Clock;
  readonly #fate: () => Fate;

  constructor(edge: SimulatedEdge, clock: Clock, fate: () => Fate) {
    this.#edge = edge;
    this.#clock = clock;
    this.#fate = fate;
  }

  /** By somebody who has listened on the wire. */
  async replay(): Promise<void> {
    await this.#kept();
  }

  /** Says with a key what no agent has said; returns the status, null where nobody answers. */
  async speak({ events, identity }: { events: readonly ToldEvent[]; identity: Identity }): Promise<number | null> {
    const [method, path] = ['POST', '/v1/events'];
    const body = JSON.stringify({ stream: crypto.randomUUID(), first: 1, events });
    const headers = signRequest(identity, { method, path, body }, this.#clock.now);
    return await this.#ask(method, path, body, headers).then(
      ({ status }) => status,
      () => null,
    );
  }

  async postEvents(batch: string): Promise<EventReceipt> {
    return check(EventReceipt, await this.#send('POST', '/v1/events', batch));
  }

  async feedPage({ ledger, after, resetting }: FeedPlace): Promise<FeedPage> {
    const query = new URLSearchParams({ ...(ledger === null ? {} : { ledger }), cursor: String(after) });
    if (resetting) query.set('resetting', '1');
    return check(FeedPage, await this.#send('GET', `/v1/feed?${query}`, ''));
  }

  /** There are no WebSockets here: the follower asks page by page. */
  signFeed(): never {
    throw unreachable();
  }

  async ability(): Promise<EdgeAbility> {
    return check(EdgeAbility, await this.#send('GET', '/v1/ability', ''));
  }

  async explain(address: string): Promise<EdgeStory> {
    return check(EdgeStory, await this.#send('GET', `/v1/explain/${encodeURIComponent(address)}`, ''));
  }

  /** Signed with the old key, or with the new one where the Worker has that already; false if it did not answer. */
  async rotate(old: Identity, fresh: Identity, key: string): Promise<boolean> {
    const body = JSON.stringify({ key });
    for (const signer of [old, fresh]) {
      try {
        check(RotateReply, await this.#send('POST', '/v1/rotate', body, signer));
        await this.#expectKeyRefused(old);
        return true;
      } catch (error) {
        if (!(error instanceof EdgeRefusal) || error.problem !== 'ERR_AUTH_SIGNATURE') return false;
      }
    }
    return false;
  }

  async #send(method: string, path: string, body: string, identity = this.identity): Promise<string> {
    if (identity === null) throw unreachable();
    const fate = this.#fate();
    if (this.isCut || fate === 'lost') throw unreachable();
    const signed = () => signRequest(identity, { method, path, body }, this.#clock.now);
    const headers = signed();
    const answer = await this.#ask(method, path, body, headers);
    const text = await answer.text();
    if (answer.ok && path === '/v1/events') this.#kept = () => this.#expectRefused(method, path, body, headers);
    if (answer.ok && fate === 'replayed') await this.#expectRefused(method, path, body, headers);
    if (answer.ok && fate === 'repeated' && path === '/v1/events')
      await this.#expectNothingNew(identity, body, signed());
    if (fate === 'answer lost') throw unreachable();
    if (!answer.ok) throw new EdgeRefusal(answer.status, text, answer.headers.get('retry-after') ?? undefined);
    return text;
  }

  async #ask(method: string, path: string, body: string, headers: Record<string, string>): Promise<Response> {
    const more = { 'content-type': 'application/json', 'cf-connecting-ip': hostAddress };
    const init = { method, headers: { ...headers, ...more }, ...(body === '' ? {} : { body }) };
    try {
      return await this.#edge.ask(path, init);
    } catch (error) {
      throw new EdgebanError('ERR_EDGE_UNREACHABLE', 'nobody answers', { cause: error });
    }
  }

  async #expectRefused(method: string, path: string, body: string, headers: Record<string, string>): Promise<void> {
    const { status } = await this.#ask(method, path, body, headers);
    if (status < 400) this.twice(`${method} ${path} was taken twice with one nonce`);
  }

  /** Whoever has stolen the key before it was replaced. */
  async #expectKeyRefused(old: Identity): Promise<void> {
    const request = { method: 'GET', path: '/v1/feed?cursor=0', body: '' };
    const headers = signRequest(old, request, this.#clock.now);
    const { status } = await this.#ask(request.method, request.path, request.body, headers);
    if (status < 400) this.twice(`the key of ${old.host} still opens after it was replaced`);
  }

  /** No event is applied twice. */
  async #expectNothingNew({ host }: Identity, body: string, headers: Record<string, string>): Promise<void> {
    const before = this.#edge.toldBy(host);
    await this.#ask('POST', '/v1/events', body, headers);
    if (this.#edge.toldBy(host) !== before) this.twice(`events were applied twice: ${body}`);
  }
}
