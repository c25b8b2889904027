/** The Worker as its operator speaks to it: a bearer token, every answer checked. */
import { z } from 'zod';
import { check } from '../edge/client.ts';
import { EdgeRefusal } from '../edge/refusal.ts';
import { workerOrigin } from '../edge/settings.ts';
import { type Answered, type Asked, exchange } from './http.ts';
import { type Patience, patiently } from './patience.ts';

export interface WorkerAccess {
  readonly url: string;
  readonly token: string;
}

const count = z.number();
const time = z.number();
const until = time.nullable();
const failure = z.object({ code: z.string(), message: z.string(), since: time }).nullable();
const named = z.object({ count, addresses: z.array(z.string()) });

export const OpenToken = z.object({ token: z.string(), expires_at: time });
export const Host = z.object({
  id: z.string(),
  name: z.string(),
  enrolled_at: time,
  seen_at: time,
  revoked_at: time.nullable(),
  live: z.boolean(),
  holders: count,
});
export type Host = z.infer<typeof Host>;
const Hosts = z.object({ hosts: z.array(Host) });

const Holder = z.object({ host: z.string(), name: z.string(), jail: z.string(), at: time, until });
const Ban = z.object({ address: z.string(), until, holders: z.array(Holder) });
export type Ban = z.infer<typeof Ban>;
const Lifted = z.object({ address: z.string(), lifted: count });
const ListedBan = z.object({ address: z.string(), action: z.string().default('block'), until });
export type ListedBan = z.infer<typeof ListedBan>;
const BansPage = z.object({ bans: z.array(ListedBan), next: z.string().nullable() });
const Snapshot = z
  .object({ written_at: time, count, bans: z.array(z.object({ address: z.string(), until })) })
  .nullable();
export type Snapshot = z.infer<typeof Snapshot>;

const Panic = z.object({ since: time, by: z.string(), reason: z.string() }).nullable();
const Brake = z.object({ since: time, by: z.string(), rate: count, usual: count }).nullable();
const Allowed = z.object({ address: z.string(), lifted: count });
const AllowedEntries = z.object({
  allowed: z.array(z.object({ address: z.string(), note: z.string(), at: time.nullable(), source: z.string() })),
});
export type AllowedEntry = z.infer<typeof AllowedEntries>['allowed'][number];

const Rule = z.object({
  zone: z.string(),
  action: z.enum(['block', 'challenge']).default('block'),
  rule: z.string().nullable(),
  enabled: z.boolean(),
  first: z.boolean(),
  error: failure,
});
/** What panic and resume answer. */
const Switched = z.object({
  panic: Panic,
  brake: Brake,
  done: z.boolean(),
  detail: z.string(),
  rules: z.array(Rule),
});
export type Switched = z.infer<typeof Switched>;

const listFacts = { name: z.string(), id: z.string().nullable(), ours: count, foreign: count };

/** Of the enforcement only what all modes have; the list mode's own is there or not. */
const Detail = z.object({
  inStep: z.boolean(),
  wanted: count,
  missing: count,
  surplus: count,
  leftOut: named,
  foreign: named,
  refused: named,
  unfit: named,
  error: failure,
  waitUntil: time.nullable(),
  list: z.object(listFacts).optional(),
  challengeList: z.object({ ...listFacts, error: failure }).nullish(),
  challenged: named.optional(),
  operation: z.object({ kind: z.string(), items: count, since: time }).nullish(),
  rules: z.array(Rule).optional(),
});
export const Status = z.object({
  ledger: z.string(),
  revision: count,
  bans: count,
  hosts: count,
  over_share: z.array(z.object({ name: z.string(), refused: count, code: z.string() })),
  listeners: count,
  panic: Panic,
  brake: Brake,
  recovery: z.object({ due: z.boolean(), at: time.nullable(), bans: count, refused: count }),
  ranges: z.object({ known: count, at: time.nullable(), error: z.string().nullable() }),
  snapshot: z.object({ current: z.boolean(), written_at: time.nullable(), error: z.string().nullable() }),
  enforcement: z.object({
    mode: z.string(),
    current: z.boolean(),
    detail: Detail.nullable(),
    former: z
      .array(z.object({ mode: z.string(), name: z.string().nullable(), left: count.nullable(), error: failure }))
      .default([]),
    gate: z.object({ challenge: z.enum(['turnstile', 'block']) }).optional(),
  }),
});
export type Status = z.infer<typeof Status>;

/** All methods throw EdgebanError: ERR_EDGE_UNREACHABLE, _TIMEOUT, _REPLY, or EdgeRefusal. */
export class WorkerApi {
  readonly #url: string;
  readonly #token: string;
  readonly #patience: Patience | null;

  /** `patience`: null asks once. Throws ERR_EDGE_URL: the token goes over https only, except in a laboratory. */
  constructor({ url, token }: WorkerAccess, patience: Patience | null) {
    this.#url = workerOrigin(url);
    this.#token = token;
    this.#patience = patience;
  }

  get url(): string {
    return this.#url;
  }

  /** The health of the Worker, and its clock. */
  async health(): Promise<Answered> {
    return await this.#patiently('GET', () =>
      this.#exchange({ method: 'GET', url: `${this.#url}/v1/health`, token: null }),
    );
  }

  async status(): Promise<Status> {
    return await this.call('GET', '/v1/status', Status);
  }

  async hosts(): Promise<readonly Host[]> {
    return (await this.call('GET', '/v1/hosts', Hosts)).hosts;
  }

  /** Returns how many bans the host held. */
  async revoke(host: string): Promise<number> {
    const path = `/v1/hosts/${encodeURIComponent(host)}`;
    return (await this.call('DELETE', path, z.object({ lifted: count }))).lifted;
  }

  async ban(address: string, bantime: number): Promise<Ban> {
    return await this.call('POST', '/v1/bans', Ban, { address, bantime });
  }

  /** Who holds an address. */
  async holders(address: string): Promise<Ban> {
    return await this.call('GET', `/v1/bans/${encodeURIComponent(address)}`, Ban);
  }

  async lift(address: string): Promise<number> {
    return (await this.call('DELETE', `/v1/bans/${encodeURIComponent(address)}`, Lifted)).lifted;
  }

  /** Lifts all enforcement at the edge, or (`resume`) brings it back. */
  async switch(word: 'panic' | 'resume', reason: string): Promise<Switched> {
    return await this.call('POST', `/v1/${word}`, Switched, word === 'panic' ? { reason } : undefined);
  }

  async allowed(): Promise<readonly AllowedEntry[]> {
    return (await this.call('GET', '/v1/allow', AllowedEntries)).allowed;
  }

  /** Returns how many bans were lifted. */
  async allow(address: string, note: string): Promise<number> {
    return (await this.call('POST', '/v1/allow', Allowed, { address, note })).lifted;
  }

  async disallow(address: string): Promise<void> {
    await this.call('DELETE', `/v1/allow/${encodeURIComponent(address)}`, z.object({ address: z.string() }));
  }

  async bansPage(after: string): Promise<z.infer<typeof BansPage>> {
    return await this.call('GET', `/v1/bans?after=${encodeURIComponent(after)}`, BansPage);
  }

  async snapshot(): Promise<Snapshot> {
    return await this.call('GET', '/v1/snapshot', Snapshot);
  }

  async call<T extends z.ZodType>(
    method: Asked['method'],
    path: string,
    shape: T,
    body?: unknown,
  ): Promise<z.infer<T>> {
    return await this.#patiently(method, async () => {
      const { text } = await this.#exchange({ method, url: this.#url + path, token: this.#token, body });
      return check(shape, text);
    });
  }

  /** All that is said to a Worker may be said twice; but whether a DELETE has found something is told once only. */
  async #patiently<T>(method: Asked['method'], body: () => Promise<T>): Promise<T> {
    return this.#patience === null ? await body() : await patiently(this.#patience, method !== 'DELETE', body);
  }

  async #exchange(asked: Asked): Promise<Answered> {
    const answer = await exchange(asked);
    if (answer.status === 200) return answer;
    throw new EdgeRefusal(answer.status, answer.text, answer.retryAfter?.toString());
  }
}
