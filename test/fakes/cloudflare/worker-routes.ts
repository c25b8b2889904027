/** The fake's Workers routes: of a zone, one by one, or all of a Worker at once, as wrangler asks for them. */
import { z } from 'zod';
import { granted, Refusal, type Reply } from './reply.ts';
import { type Asked, newId, objectOf, textOf, type World } from './world.ts';

export function zoneRoutes(world: World, asked: Asked): Reply {
  const own = world.state.workerRoutes.filter(({ zone }) => zone === asked.params['zone']);
  return granted(own.map(({ id, pattern, script }) => ({ id, pattern, script })));
}

export function addRoute(world: World, asked: Asked): Reply {
  const body = objectOf(asked.body, ['pattern', 'script']);
  const zone = asked.params['zone'] ?? '';
  return granted(added(world, zone, textOf(body['pattern'], 'pattern', 500), textOf(body['script'], 'script', 100)));
}

export function deleteRoute(world: World, asked: Asked): Reply {
  const { zone, route } = asked.params;
  const there = world.state.workerRoutes.find((each) => each.id === route && each.zone === zone);
  if (there === undefined) throw new Refusal(404, 10008, 'workers.api.error.route_not_found');
  world.state.workerRoutes = world.state.workerRoutes.filter((each) => each !== there);
  return granted({ id: there.id });
}

const Wanted = z.array(
  z.strictObject({ pattern: z.string(), zone_id: z.string().optional(), zone_name: z.string().optional() }),
);

/** Replaces all routes of the Worker; only for a token that is good for all zones. */
export function putRoutes(world: World, asked: Asked): Reply {
  if (asked.token?.zones !== undefined) throw new Refusal(403, 10000, 'Authentication error');
  const parsed = Wanted.safeParse(asked.body);
  if (!parsed.success) throw new Refusal(400, 10026, 'routes must be an array');
  const script = asked.params['script'] ?? '';
  const before = world.state.workerRoutes;
  world.state.workerRoutes = before.filter((each) => each.script !== script);
  try {
    return granted(parsed.data.map((route) => added(world, zoneOf(world, route), route.pattern, script)));
  } catch (error) {
    world.state.workerRoutes = before;
    throw error;
  }
}

function zoneOf(world: World, { zone_id, zone_name }: z.infer<typeof Wanted>[number]): string {
  const zone = world.options.zones.find(({ id, name }) => id === zone_id || name === zone_name);
  if (zone === undefined) throw new Refusal(400, 10024, 'could not find the zone of the route');
  return zone.id;
}

function added(world: World, zone: string, pattern: string, script: string) {
  const name = world.options.zones.find(({ id }) => id === zone)?.name ?? '';
  const host = pattern.split('/')[0] ?? '';
  if (!host.endsWith(name) || !pattern.includes('/')) throw new Refusal(400, 10022, 'invalid route pattern');
  if (world.state.scripts[script] === undefined) throw new Refusal(400, 10019, 'workers.api.error.script_not_found');
  if (world.state.workerRoutes.some((each) => each.zone === zone && each.pattern === pattern))
    throw new Refusal(409, 10020, 'A route with the same pattern already exists.');
  const route = { id: newId(), zone, pattern, script };
  world.state.workerRoutes.push(route);
  return { id: route.id, pattern, script };
}
