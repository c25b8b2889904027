/** The routes of the mode gate: which visits go through the Worker. wrangler makes them; here they are chosen, checked and taken away. */
import { z } from 'zod';
import { usage } from '../../cli/options.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import { isGone } from '../cloudflare-refusal.ts';
import type { SetupRecord } from './record.ts';
import type { Setup } from './setup-run.ts';
import { foreign } from './things.ts';

type Routes = SetupRecord['routes'];
type Zones = SetupRecord['zones'];

const Route = z.object({ id: z.string(), pattern: z.string(), script: z.string().nullish() });

/** Those that are asked for, or of before, or all of each zone with its subdomains. Throws ERR_USAGE. */
export function routesOf(zones: Zones, asked: readonly string[], before: Routes): Routes {
  if (zones.length === 0) throw usage('edgeban edge setup needs --zone NAME in the mode gate');
  if (asked.length > 0) return asked.map((pattern) => ({ pattern, zone: zoneOf(pattern, zones) }));
  const kept = before.filter(({ zone }) => zones.some(({ id }) => id === zone));
  const lacking = zones.filter(({ id }) => !kept.some(({ zone }) => zone === id));
  return [...kept, ...lacking.map(({ id, name }) => ({ pattern: `*${name}/*`, zone: id }))];
}

/** `shop.example.org/*`, `*example.org/blog/*`. */
function zoneOf(pattern: string, zones: Zones): string {
  const host = pattern.split('/')[0]?.replace(/^\*\.?/, '') ?? '';
  const zone = zones.find(({ name }) => host === name || host.endsWith(`.${name}`));
  const isWhole = /^[a-z0-9.*-]+\/[^\s*]*\*?$/i.test(pattern);
  if (zone !== undefined && isWhole) return zone.id;
  throw usage(`'${pattern}' is not a route of these zones`, 'write it as shop.example.org/* with --zone example.org');
}

export async function routesIn(api: CloudflareApi, zone: string): Promise<z.infer<typeof Route>[]> {
  return await api.call({ path: `/zones/${zone}/workers/routes` }, z.array(Route));
}

/** Throws ERR_SETUP_FOREIGN for a route that leads to another Worker. */
export async function checkRoutes({ api, record, given }: Setup): Promise<void> {
  for (const { zone, pattern } of record.routes) {
    const there = (await routesIn(api, zone)).find((each) => each.pattern === pattern);
    if (there?.script !== undefined && there.script !== given.name)
      throw foreign(
        `the route ${pattern} ${there.script === null ? 'is kept from all Workers' : `leads to the Worker ${there.script}`}`,
        'name others: --route PATTERN',
      );
  }
}

interface Place {
  readonly api: CloudflareApi;
  readonly zones: Iterable<string>;
  readonly script: string;
  readonly say: (line: string) => void;
}

/** Takes away what leads to our Worker and is not one of `kept`; `before`: zones of an earlier run, which may be others. */
export async function dropRoutes(setup: Setup, before: Zones, kept: Routes): Promise<void> {
  const { record, api, given } = setup;
  if (record.mode !== 'gate' && !record.left.includes('gate')) return;
  const zones = new Set([...record.zones, ...before].map(({ id }) => id));
  await removeRoutes({ api, zones, script: given.name, say: (line) => setup.say(line) }, kept);
}

export async function removeRoutes({ api, zones, script, say }: Place, kept: Routes): Promise<void> {
  for (const zone of zones)
    for (const { id, pattern } of (await routesIn(api, zone)).filter((each) => each.script === script)) {
      if (kept.some((each) => each.pattern === pattern)) continue;
      await api.call({ method: 'DELETE', path: `/zones/${zone}/workers/routes/${id}` }, z.unknown()).catch((error) => {
        if (!isGone(error)) throw error;
      });
      say(`   the route ${pattern}: gone`);
    }
}
