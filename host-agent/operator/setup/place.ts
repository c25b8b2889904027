/** Which account and which zones: by name or id, all of one account. */
import { z } from 'zod';
import { EdgebanError } from '../../../shared/errors.ts';
import { usage } from '../../cli/options.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import { CloudflareRefusal } from '../cloudflare-refusal.ts';
import type { OperatorWorld } from '../world.ts';
import type { Mode } from './record.ts';
import { permissionError } from './token.ts';

const Zone = z.object({
  id: z.string(),
  name: z.string(),
  account: z.object({ id: z.string(), name: z.string().nullish() }),
});
type Zone = z.infer<typeof Zone>;

export interface Chosen {
  readonly account: string;
  readonly zones: readonly { readonly id: string; readonly name: string }[];
}

/** Throws ERR_USAGE, ERR_SETUP_PERMISSION, ERR_SETUP_FOREIGN. */
export async function choosePlace(
  api: CloudflareApi,
  world: OperatorWorld,
  asked: { readonly account: string | undefined; readonly zones: readonly string[]; readonly mode: Mode },
): Promise<Chosen> {
  const names =
    asked.zones.length > 0 || !['list', 'gate'].includes(asked.mode) ? asked.zones : await askForZones(api, world);
  const zones: Zone[] = [];
  for (const name of names) zones.push(await findZone(api, name));
  const accounts = new Set([
    ...zones.map(({ account }) => account.id),
    ...(asked.account === undefined ? [] : [asked.account]),
  ]);
  const [account] = accounts;
  if (account === undefined) throw usage('edgeban edge setup needs --account ID where there is no --zone');
  if (accounts.size > 1)
    throw usage('the zones are of more than one account', 'one Worker serves one account: set up each for itself');
  return { account, zones: zones.map(({ id, name }) => ({ id, name })) };
}

async function findZone(api: CloudflareApi, name: string): Promise<Zone> {
  const found = await readable(async () =>
    /^[0-9a-f]{32}$/.test(name)
      ? [await api.call({ path: `/zones/${name}` }, Zone)]
      : await api.call({ path: `/zones?name=${encodeURIComponent(name)}` }, z.array(Zone)),
  );
  const [zone] = found;
  if (zone !== undefined) return zone;
  throw new EdgebanError('ERR_SETUP_FOREIGN', `this token sees no zone ${name}`, {
    remedy: 'write it as Cloudflare does (example.org), and see that the token is for this zone',
  });
}

async function askForZones(api: CloudflareApi, world: OperatorWorld): Promise<string[]> {
  if (!world.prompt.isTerminal) throw usage('edgeban edge setup needs --zone NAME in this mode');
  const seen = await readable(() => api.all('/zones?per_page=50', Zone));
  world.terminal.out(`This token sees: ${seen.map(({ name }) => name).join(', ') || 'no zone'}`);
  const answer = await world.prompt.ask('Zones to protect (names, or all): ');
  const names = answer === 'all' ? seen.map(({ name }) => name) : answer.split(/[\s,]+/).filter((name) => name !== '');
  if (names.length === 0) throw usage('no zone was named');
  return names;
}

async function readable<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof CloudflareRefusal && error.isForbidden)
      throw permissionError('the set-up token', ['Zone, Zone, Read']);
    throw error;
  }
}
