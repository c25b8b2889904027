/** The Worker's entry: the HTTP API, the gate before sites, and the class of the ledger's Durable Object. */
import { createApi } from './api.ts';
import { Gate, isGated } from './gate/gate.ts';
import type { Env } from './settings.ts';

export { Ledger } from './ledger.ts';

const api = createApi();
const gate = new Gate();

export default {
  fetch: (request, env, context) =>
    isGated(new URL(request.url).hostname, env) ? gate.pass(request, env, context) : api.fetch(request, env, context),
} satisfies ExportedHandler<Env>;
