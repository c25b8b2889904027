/** The routes of the mode gate: do visits to each zone go through the Worker? */
import type { CloudflareApi } from '../cloudflare-api.ts';
import type { SetupRecord } from '../setup/record.ts';
import { routesIn } from '../setup/routes.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

type Gate = Pick<SetupRecord, 'mode' | 'zones' | 'routes' | 'worker'>;

/** `api`: of a token that may read routes; null: none was given, for the Worker has none in this mode. */
export async function routeFindings(record: Gate | null, api: CloudflareApi | null): Promise<Finding[]> {
  if (record === null || record.mode !== 'gate') return [];
  const findings = record.zones.map((zone) => zoneFinding(zone, record, api));
  return await Promise.all(findings);
}

async function zoneFinding(
  { id, name }: SetupRecord['zones'][number],
  { routes, worker }: Gate,
  api: CloudflareApi | null,
): Promise<Finding> {
  const about = `routes ${name}`;
  const again = 'edgeban edge setup with this zone makes its routes again';
  const wanted = routes.filter(({ zone }) => zone === id).map(({ pattern }) => pattern);
  if (wanted.length === 0) return warning(about, 'no visit to this zone goes through the gate', again);
  if (api === null)
    return ok(about, `set up as ${wanted.join(', ')}; with --token-file the doctor looks at Cloudflare`);
  const there = await routesIn(api, id);
  const astray = wanted.filter(
    (pattern) => !there.some((route) => route.pattern === pattern && route.script === worker?.name),
  );
  if (astray.length === 0) return ok(about, wanted.join(', '));
  return broken(about, `${astray.join(', ')}: does not lead to the Worker; visits go past the gate`, again);
}
