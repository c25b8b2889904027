/** Where a jail's bans are enforced: in the kernels of hosts, at Cloudflare's edge, or both; `edge` and `plane` of a jail. */
import type { EdgeAction } from '../ticket.ts';
import { configError, type Finding, mildFinding } from './finding.ts';
import type { JailValues } from './jail-values.ts';
import { originAt } from './sourced.ts';

const edges = ['auto', 'off', 'challenge', 'block'] as const;
const planes = ['auto', 'host', 'edge', 'both'] as const;

/** As a jail has it. */
export interface PlaneConf {
  readonly edge: (typeof edges)[number];
  readonly plane: (typeof planes)[number];
  /** Its log is that of sites that visitors reach through Cloudflare alone. */
  readonly proxied: boolean;
  /** Where the jail says what leaves nobody to enforce its bans, if it does. */
  readonly misgivings: { readonly unenrolled: Finding; readonly nowhere: Finding } | null;
  /** Where it says what only an edge could do; null: nowhere. */
  readonly lonely: Finding | null;
}

/** What it comes to. */
export interface Planes {
  /** What the edge does. */
  readonly edge: EdgeAction;
  /** Does this host enforce the bans? */
  readonly own: boolean;
  /** Do other hosts? */
  readonly hosts: boolean;
}

/** Where nothing else is said. */
export const usualPlanes: Planes = { edge: 'block', own: true, hosts: true };

export function planeConfOf(values: JailValues): PlaneConf {
  return {
    edge: wordOf(values, 'edge', edges),
    plane: wordOf(values, 'plane', planes),
    proxied: values.bool('plane.proxied', false),
    misgivings: misgivingsOf(values),
    lonely: lonelyEdgeOf(values),
  };
}

/** `fleet = true`, said where nobody counts over all hosts; null: it is not said. */
export function lonelyFleetOf(values: JailValues): Finding | null {
  const source = values.option('fleet')?.source;
  if (source === undefined || !values.bool('fleet', false)) return null;
  const message = 'fleet = true, but this host is enrolled at no Worker: its failures are counted on this host alone';
  const remedy = 'enrol the host (edgeban edge enroll), or leave fleet out';
  const error = configError('ERR_CONFIG_PLANE', message, originAt(source), remedy);
  return mildFinding('warning', error, values.reading.name);
}

/** `edge = challenge` or `block`, `plane = both`. */
function lonelyEdgeOf(values: JailValues): Finding | null {
  const [name] = (['edge', 'plane'] as const).filter((each) =>
    /^(challenge|block|both)$/i.test(values.text(each) ?? ''),
  );
  const source = name === undefined ? undefined : values.option(name)?.source;
  if (name === undefined || source === undefined) return null;
  const message = `${name} = ${values.text(name)}, but this host is enrolled at no Worker: its bans are enforced on this host alone`;
  const remedy = `enrol the host (edgeban edge enroll), or leave ${name} out`;
  return mildFinding(
    'warning',
    configError('ERR_CONFIG_PLANE', message, originAt(source), remedy),
    values.reading.name,
  );
}

function wordOf<T extends string>(values: JailValues, name: string, words: readonly [T, ...T[]]): T {
  const text = values.text(name) ?? words[0];
  const word = words.find((each) => each === text.toLowerCase());
  if (word !== undefined) return word;
  const source = values.option(name)?.source;
  if (source !== undefined)
    values.error(
      'ERR_CONFIG_VALUE',
      `${name} = ${text}: not a value that it takes`,
      source,
      `write ${words.join(', ')}`,
    );
  return words[0];
}

function misgivingsOf(values: JailValues): PlaneConf['misgivings'] {
  const source = values.option('plane')?.source;
  if (source === undefined) return null;
  const say = (message: string, remedy: string) =>
    mildFinding('warning', configError('ERR_CONFIG_PLANE', message, originAt(source), remedy), values.reading.name);
  return {
    unenrolled: say(
      'plane = edge, but this host is enrolled at no Worker: its bans are enforced on this host',
      'enrol the host (edgeban edge enroll), or write plane = auto',
    ),
    nowhere: say(
      'plane = edge and edge = off: nobody would enforce its bans, so this host does',
      'write plane = host, or another edge',
    ),
  };
}

/**
 * On a host that is not enrolled all bans are the host's own. `auto` is the edge alone for a jail that says it is proxied, and
 * both for all others. What would leave nobody to enforce a ban is enforced by this host, and told.
 */
export function planesFor(
  conf: PlaneConf,
  isEnrolled: boolean,
): { readonly planes: Planes; readonly finding: Finding | null } {
  const { plane, misgivings } = conf;
  const lonely = isEnrolled ? null : conf.lonely;
  const edge = conf.edge === 'auto' ? 'block' : conf.edge;
  const isOff = edge === 'off';
  if (plane === 'host' || (plane === 'auto' && isOff))
    return { planes: { ...usualPlanes, edge: 'off' }, finding: null };
  const alone = plane === 'edge' || (plane === 'auto' && conf.proxied);
  if (!alone) return { planes: { ...usualPlanes, edge }, finding: lonely };
  if (isOff) return { planes: { ...usualPlanes, edge }, finding: misgivings?.nowhere ?? null };
  if (isEnrolled) return { planes: { edge, own: false, hosts: false }, finding: null };
  return { planes: usualPlanes, finding: plane === 'edge' ? (misgivings?.unenrolled ?? null) : lonely };
}
