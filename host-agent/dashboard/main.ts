/** `edgeban dashboard`: the Worker's page on loopback, of this host alone, for who sits at the terminal. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { describeError, EdgebanError, messageOf } from '../../shared/errors.ts';
import { usage } from '../cli/options.ts';
import type { HostPorts } from '../cli/ports.ts';
import { sayThrown, type Terminal } from '../cli/terminal.ts';
import { Daemon } from './daemon.ts';
import { HostDatabase } from './database.ts';
import { Live } from './live.ts';
import { openServer, type ServerParts } from './server.ts';
import { HostSessions } from './sessions.ts';
import { HostViews } from './views.ts';

const port_default = 8472;
const loopback = '127.0.0.1';

/** `page`: as it was built. Returns when it is stopped, with the exit code. */
export async function runDashboard(
  argv: readonly string[],
  ports: Pick<HostPorts, 'serverSettings' | 'version'>,
  page: () => ServerParts['page'],
  terminal: Terminal,
): Promise<number> {
  try {
    return await serve(parse(argv), ports, page(), terminal);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    sayThrown(terminal, error);
    return 255;
  }
}

async function serve(
  { configDir, port, ...given }: ReturnType<typeof parse>,
  ports: Pick<HostPorts, 'serverSettings' | 'version'>,
  page: ServerParts['page'],
  terminal: Terminal,
): Promise<number> {
  const settings = await ports.serverSettings(configDir);
  const daemon = new Daemon(given.socket ?? settings.socket);
  // whether it answers is found out before a link is shown
  await daemon.watch();
  const database = new HostDatabase(settings.dbfile, hostname());
  const now = () => Date.now() / 1000;
  let host = '';
  const show = (token: string) => terminal.out(`http://${host}/login?token=${token}`);
  const sessions = new HostSessions(userName(), (token) => {
    terminal.out('Somebody has logged in. The next link, good for one login:');
    show(token);
  });
  const live = new Live(daemon, database);
  const views = new HostViews(daemon, database, now);
  const server = openServer({ views, sessions, live, page, version: ports.version, host: () => host, now });
  host = `${secretName()}.localhost:${await listening(server, port)}`;
  terminal.out('The dashboard of this host, until Ctrl-C. The link is good for one login:');
  show(sessions.token);
  await stopped();
  live.close();
  server.closeAllConnections();
  server.close();
  database.close();
  return 0;
}

/** Browsers keep cookies by name, not by port: one that nobody else knows keeps it from what others run on this machine. */
function secretName(): string {
  return `edgeban-${randomBytes(10).toString('hex')}`;
}

async function listening(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error) => {
      const remedy = 'choose another: --port';
      reject(
        new EdgebanError('ERR_DASHBOARD_PORT', `port ${port} cannot be listened at: ${describeError(cause)}`, {
          remedy,
        }),
      );
    };
    server.once('error', failed).listen({ host: loopback, port }, () => resolve());
  });
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

/** Who became root. */
function userName(): string {
  const name = process.env['SUDO_USER'] || userInfo().username;
  return name.replace(/[^\w.@-]/g, '?').slice(0, 40);
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    conf: { ...text, short: 'c', default: '/etc/edgeban' },
    socket: { ...text, short: 's' },
    port: { ...text, default: String(port_default) },
  } as const;
  try {
    const { values } = parseArgs({ args: [...argv], options, allowPositionals: false });
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) throw new Error('--port takes a port');
    return { configDir: values.conf, socket: values.socket, port: Number(values.port) };
  } catch (error) {
    throw usage(messageOf(error));
  }
}
