/** Other edgebans in this network namespace: each says by an abstract socket, whose names a namespace has to itself, where it is asked. */
import { lstatSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { AgentParts } from '../agent/parts.ts';
import { ControlUnavailable, request } from '../control/client.ts';
import type { Reply } from '../control/framing.ts';
import type { Log } from '../log/log.ts';

const begin = 'edgeban:';
/** Anybody may make such names: no more of them are looked at. */
const names_max = 20;
/** The other one may be busy, and so may we: we are starting. */
const answer_s_max = 5;

/** One that runs, and the jails that it guards. */
export interface Twin {
  readonly socket: string;
  readonly jails: readonly string[];
}

/** Leaves the firewall as it is while others use it, too: `sweep` would take their rules for leftovers. Tells each once. */
export function sweepAlone(socket: string, sweep: AgentParts['sweep'], log: Log): AgentParts['sweep'] {
  const told = new Set<string>();
  return async (jails) => {
    const twins = await twinsOf(socket);
    for (const twin of twins.filter((each) => !told.has(each.socket))) {
      told.add(twin.socket);
      const shared = jails.running.map(({ name }) => name).filter((name) => twin.jails.includes(name));
      log.logger('server').error(`${describeError(twinError(twin, shared))} (ERR_CONFIG_NEIGHBOUR)`);
    }
    return twins.length > 0 ? [] : await sweep(jails);
  };
}

function twinError({ socket }: Twin, shared: readonly string[]): EdgebanError {
  const both = shared.length === 0 ? '' : `, and each undoes what the other bans in ${shared.join(', ')}`;
  const message = `another edgeban (${socket}) guards this network namespace, too${both}; what is there of others is left alone`;
  return new EdgebanError('ERR_CONFIG_NEIGHBOUR', message, {
    remedy: 'stop one of them, or give it jails of other names (or nftables another table)',
  });
}

/** Says that a daemon is here, whose control socket is `socket`; returns what ends this. Where it cannot be said, nobody hears. */
export function sayHere(socket: string): () => void {
  const server = createServer((caller) => caller.destroy());
  server.on('error', () => undefined);
  server.listen(`\0${begin}${resolve(socket)}`);
  server.unref();
  return () => server.close();
}

/** The others. Their sockets are this user's own, so that nobody else can pretend to be one. */
export async function twinsOf(socket: string): Promise<Twin[]> {
  const own = resolve(socket);
  const others = namesIn(unixSockets()).filter((path) => path !== own && isOurs(path));
  const asked = await Promise.all(others.slice(0, names_max).map(ask));
  return asked.filter((twin) => twin !== null);
}

/** As /proc/net/unix lists them: an abstract name begins with @, and is filled up with more of them. */
function namesIn(listing: string): string[] {
  const found = [...listing.matchAll(/ @edgeban:(\/\S*?)@*$/gm)].map(([, path = '']) => path);
  return [...new Set(found)];
}

function unixSockets(): string {
  try {
    return readFileSync('/proc/net/unix', 'latin1');
  } catch {
    return '';
  }
}

function isOurs(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSocket() === true && stat.uid === process.geteuid?.();
}

async function ask(socket: string): Promise<Twin | null> {
  try {
    return { socket, jails: jailsIn(await request(socket, ['status'], { timeout: answer_s_max })) };
  } catch (error) {
    // one that is starting does not answer yet
    const isSilent = error instanceof ControlUnavailable && error.reason === 'silent';
    return isSilent ? { socket, jails: [] } : null;
  }
}

/** `[["Number of jail", 2], ["Jail list", "a, b"]]` */
function jailsIn(reply: Reply): string[] {
  const rows = 'ok' in reply && Array.isArray(reply.ok) ? reply.ok : [];
  const list = rows.find((row) => Array.isArray(row) && row[0] === 'Jail list');
  const names = Array.isArray(list) ? list[1] : null;
  return typeof names === 'string' ? names.split(', ').filter((name) => name !== '') : [];
}
