/** Who may import whom: shared ← host-agent, shared ← worker, never sideways. */
import type { Import, Source } from './source.ts';
import { resolve } from './tree.ts';

interface Room {
  /** A folder (ends in `/`) or a file. The longest that fits a path is its room. */
  readonly path: string;
  /** What it may import beside itself: folders, files, packages. */
  readonly from: readonly string[];
  /** What it may import the types of. */
  readonly typesFrom?: readonly string[];
}

const floor = ['shared/errors.ts', 'shared/address.ts', 'shared/plain-address.ts', 'shared/time.ts'];
const judge = [...floor, 'shared/ticket.ts', 'zod'];
const host = ['shared/', 'node:', 'zod'];

/** ARCHITECTURE.md draws it; move a wall in both. */
export const rooms: readonly Room[] = [
  ...floor.map((path) => ({ path, from: [...floor, 'zod'] })),
  { path: 'shared/ticket.ts', from: [...floor, 'zod'] },
  { path: 'shared/wire.ts', from: judge },
  { path: 'shared/story.ts', from: [...judge, 'shared/wire.ts'] },
  { path: 'shared/view.ts', from: [...judge, 'shared/wire.ts', 'shared/story.ts'] },
  { path: 'shared/overview.ts', from: [...judge, 'shared/store/', 'shared/view.ts'] },
  { path: 'shared/series.ts', from: [...floor, 'shared/view.ts'] },
  { path: 'shared/prometheus.ts', from: [] },
  { path: 'shared/turns.ts', from: [] },
  { path: 'shared/cloudflare-answer.ts', from: ['zod'] },
  { path: 'shared/incidents.ts', from: [...floor, 'zod'] },
  { path: 'shared/alerts.ts', from: [...floor, 'zod', 'shared/incidents.ts'] },
  { path: 'shared/config/', from: judge },
  { path: 'shared/filter/', from: judge },
  { path: 'shared/engine/', from: judge },
  { path: 'shared/store/', from: judge },
  { path: 'host-agent/', from: ['host-agent/', 'package.json', ...host] },
  { path: 'host-agent/daemon/', from: ['host-agent/', ...host] },
  { path: 'host-agent/log/', from: host },
  { path: 'host-agent/system/', from: [...host, 're2'], typesFrom: ['host-agent/control/'] },
  { path: 'host-agent/agent/', from: host, typesFrom: ['host-agent/'] },
  {
    path: 'host-agent/cli/',
    from: [...host, 'host-agent/control/', 'host-agent/log/', 'host-agent/agent/wording.ts'],
  },
  // a program by itself: of the daemon it takes the parts that read lines
  {
    path: 'host-agent/regex/',
    from: [
      ...host,
      'host-agent/sources/',
      ...['agent/decoder.ts', 'agent/ports.ts', 'system/', 'log/'].map((file) => `host-agent/${file}`),
    ],
  },
  // likewise: of the daemon it takes the configuration and the judge, of edgeban-regex how logs are read
  {
    path: 'host-agent/replay/',
    from: [
      ...host,
      ...['regex/input.ts', 'regex/log-lines.ts', 'regex/progress.ts', 'regex/screen.ts', 'sources/', 'control/'],
      ...['decoder.ts', 'guard.ts', 'ignore-sources.ts', 'plan.ts', 'ports.ts', 'wording.ts'].map(
        (file) => `agent/${file}`,
      ),
      ...['daemon/configuration.ts', 'daemon/kit.ts', 'system/'],
    ].map((door) => (host.includes(door) ? door : `host-agent/${door}`)),
    typesFrom: ['host-agent/agent/'],
  },
  { path: 'host-agent/alerts/', from: host, typesFrom: ['host-agent/control/', 'host-agent/log/'] },
  { path: 'host-agent/metrics/', from: host, typesFrom: ['host-agent/control/'] },
  { path: 'host-agent/sources/', from: host },
  { path: 'host-agent/actions/', from: [...host, 'host-agent/system/'] },
  { path: 'host-agent/control/', from: host },
  { path: 'host-agent/edge/', from: [...host, 'undici', 'host-agent/version.ts', 'host-agent/system/'] },
  // a program by itself, too: it speaks to the Worker and to Cloudflare, asks the daemon, and prints as cli/ does
  {
    path: 'host-agent/operator/',
    from: [...host, 'undici', ...['cli/', 'control/', 'edge/', 'system/'].map((room) => `host-agent/${room}`)],
  },
  { path: 'host-agent/debian/', from: ['node:', 'esbuild', 'host-agent/version.ts', 'dashboard/build.ts'] },
  // runs in browsers: of the rest it knows the shapes of what it is told
  { path: 'dashboard/', from: ['preact', 'uplot'], typesFrom: ['shared/'] },
  { path: 'dashboard/build.ts', from: ['node:', 'esbuild'] },
  // a program by itself: it asks the daemon, reads its database, and prints as cli/ does
  { path: 'host-agent/dashboard/', from: [...host, 'host-agent/cli/', 'host-agent/control/'] },
  {
    path: 'worker/',
    from: ['worker/', 'dist/', 'package.json', 'shared/', 'hono', '@hono/zod-openapi', 'zod', 'cloudflare:workers'],
  },
  { path: 'worker/alerts/', from: ['worker/', 'shared/', 'zod'] },
  { path: 'worker/ledger/', from: ['worker/', 'shared/', 'zod', 'cloudflare:workers'] },
  { path: 'worker/cloudflare/', from: ['shared/', 'zod'] },
];

/** Imports that go through a wall. A file of shared, host-agent or worker in no room is a finding, too. */
export function wrongImports(sources: readonly Source[], plan: readonly Room[] = rooms): string[] {
  return sources
    .filter(({ path }) => /^(shared|host-agent|worker|dashboard)\//.test(path))
    .flatMap((source) => {
      const room = roomOf(source.path, plan);
      if (room === undefined) return [`${source.path}: in no room (test/tidy/directions.ts)`];
      return source.imports
        .filter((taken) => !mayImport(source.path, room, taken))
        .map(({ from, line }) => `${source.path}:${line}: ${room.path} may not import ${from}`);
    });
}

function roomOf(path: string, plan: readonly Room[]): Room | undefined {
  const fitting = plan.filter((room) => isWithin(path, room.path));
  return fitting.toSorted((one, other) => other.path.length - one.path.length)[0];
}

function mayImport(path: string, room: Room, { from, typeOnly }: Import): boolean {
  const target = resolve(path, from) ?? from;
  const allowed = [room.path, ...room.from, ...(typeOnly ? (room.typesFrom ?? []) : [])];
  return allowed.some((door) => isWithin(target, door));
}

/** Node's own modules (`node:`) and folders (`…/`) hold what begins with their name; a package holds its sub-paths. */
function isWithin(target: string, place: string): boolean {
  return /[/:]$/.test(place) ? target.startsWith(place) : target === place || target.startsWith(`${place}/`);
}
