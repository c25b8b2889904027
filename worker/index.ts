/** The Worker's entry: the HTTP API, and the class of the ledger's Durable Object. */
import { createApi } from './api.ts';
import type { Env } from './settings.ts';

export { Ledger } from './ledger.ts';

const api = createApi();

export default {
  fetch: (request, env, context) => api.fetch(request, env, context),
} satisfies ExportedHandler<Env>;
