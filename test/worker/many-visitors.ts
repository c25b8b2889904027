/** The gate in workerd before an origin that answers at once: what many visitors cost it (test/bench/gate.ts). */
import { Gate, type GateEnv } from '../../worker/gate/gate.ts';

/** What a request brings: how many visitors come, and whether there is a gate. */
interface Visits {
  readonly addresses: readonly string[];
  readonly rounds: number;
  readonly gated: boolean;
}

let snapshot: ArrayBuffer | null = null;
let gate = new Gate();
const env: GateEnv = { BANS: { get: async () => snapshot }, ENFORCEMENT: 'gate' };
const origin = () => Promise.resolve(new Response('origin'));

async function visit({ addresses, rounds, gated }: Visits, context: ExecutionContext): Promise<number> {
  let refused = 0;
  for (let round = 0; round < rounds; round++)
    for (const address of addresses) {
      const headers = { 'cf-connecting-ip': address };
      const request = new Request('https://shop.example/', { headers });
      const response = gated ? await gate.pass(request, env, context) : await origin();
      if (response.status === 403) refused += 1;
    }
  return refused;
}

export default {
  async fetch(request: Request, _: unknown, context: ExecutionContext): Promise<Response> {
    globalThis.fetch = origin;
    if (request.method === 'GET') return new Response();
    if (request.method === 'POST') {
      const visits: Visits = await request.json();
      return Response.json(await visit(visits, context));
    }
    snapshot = await request.arrayBuffer();
    gate = new Gate();
    return new Response();
  },
};
