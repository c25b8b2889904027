/** What is tried in every history once all is well: ends in their time, and those whom a new deployment spares. */
import { cloudflare_tick_s, expectAgreement, expectOver } from './invariants.ts';
import { eventually } from './patience.ts';
import type { World } from './world.ts';

const brief_s = 300;
const long_s = 7_200;

/** A ban that ends by itself while nothing else happens: then it is nowhere. */
export async function brief(world: World): Promise<void> {
  const { clock, edge } = world;
  const address = '198.18.6.1';
  const end = clock.now + brief_s;
  await edge.order('POST', '/v1/bans', { address, bantime: brief_s });
  await eventually(world, () => expectAgreement(world));
  await clock.pass(Math.max(0, end - clock.now) + cloudflare_tick_s);
  expectOver(world, address);
}

/** Who is banned everywhere is spared by the next deployment: returns his address. */
export async function befriended(world: World): Promise<string> {
  const { edge } = world;
  const address = `198.18.6.${9 + edge.allow.length}`;
  await edge.order('POST', '/v1/bans', { address, bantime: long_s });
  await eventually(world, () => expectAgreement(world));
  edge.allow = [...edge.allow, address];
  return address;
}

/** The Worker is deployed anew, with somebody in ALLOW who is banned. */
export async function denied(world: World): Promise<void> {
  await befriended(world);
  world.edge.restart();
}
