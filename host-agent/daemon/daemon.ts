/** The daemon: opens what it needs, starts the agent, and stays until it is told to stop. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { pythonRepr } from '../../shared/config/python-text.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import { openStore } from '../../shared/store/store.ts';
import { Conntrack } from '../actions/conntrack.ts';
import { createNft } from '../actions/nft.ts';
import { Agent } from '../agent/agent.ts';
import type { AgentParts, AgentPlan } from '../agent/parts.ts';
import type { ServeOptions } from '../cli/ports.ts';
import { runCommand } from '../control/commands.ts';
import type { ReplyValue } from '../control/framing.ts';
import { type ControlServer, openControlServer } from '../control/server.ts';
import { enrolment } from '../edge/files.ts';
import type { EdgeSettings } from '../edge/settings.ts';
import { Log } from '../log/log.ts';
import { diskFiles } from '../system/config-files.ts';
import { originsBy } from '../system/cymru.ts';
import { Resolver } from '../system/dns.ts';
import { watchFirewalls } from '../system/firewalls.ts';
import { createRe2 } from '../system/re2.ts';
import { processRest, restWhenQuiet } from '../system/rest.ts';
import { Shell } from '../system/shell.ts';
import { type HostSql, openSqlite, setAsideDatabase } from '../system/sqlite.ts';
import { loadNotify, openSupervisor, type Supervisor } from '../system/systemd.ts';
import { version } from '../version.ts';
import { openAlerts } from './alert-watch.ts';
import { type Configuration, readConfiguration } from './configuration.ts';
import { openFigures } from './figures.ts';
import { strict, tell, usable } from './findings.ts';
import { actionKit, configurationPorts, sourceOf } from './kit.ts';
import { mailFindings } from './mail-rights.ts';
import { neighbourhood, sharedJails } from './neighbour.ts';
import { programFindings } from './programs.ts';
import { ServerSettings } from './server-settings.ts';
import { ticketWorld } from './ticket-world.ts';
import { sayHere, sweepAlone } from './twins.ts';

const now = () => Date.now() / 1000;

/** Runs until `stop` or a signal. Throws EdgebanError if it cannot start; what one jail lacks is logged instead. */
export async function serve(options: ServeOptions): Promise<void> {
  const { settings, configDir } = options;
  const { logtarget, loglevel, syslogsocket } = settings;
  const log = new Log({ target: logtarget, level: loglevel, syslogsocket });
  const told = log.logger('server');
  const supervisor = supervisorOf(log);
  process.on('uncaughtExceptionMonitor', (error) =>
    told.critical(`edgeban is at fault: ${error.stack ?? error.message}`),
  );
  nameProcess(options.processName);
  try {
    told.info(`Starting edgeban v${version}`);
    await run(options, log, supervisor);
  } catch (error) {
    told.error(`edgeban cannot start with ${configDir}: ${describeError(error)}`);
    throw error;
  } finally {
    supervisor.close();
    log.close();
  }
}

function supervisorOf(log: Log): Supervisor {
  const { env, pid } = process;
  const warn = (text: string) => log.logger('server').warning(text);
  return openSupervisor({ env, pid, notify: loadNotify(), warn });
}

/** The kernel keeps 15 bytes of it. Where it cannot be set (no /proc), nothing depends on it. */
function nameProcess(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // the name is for people
  }
}

async function run({ settings, configDir, ready }: ServeOptions, log: Log, supervisor: Supervisor): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const started = Promise.withResolvers<Agent>();
  // a start that fails is told by `run` itself
  started.promise.catch(() => undefined);
  // the socket is first: it keeps a second daemon from the database and the firewall
  const answering = { configDir, started: started.promise, stop: stopped.resolve, supervisor };
  const control = await openControl(settings.socket, answering, log);
  const leave = sayHere(settings.socket);
  try {
    const sql = openDatabase(settings.dbfile, log);
    try {
      const enrolled = await enrolment(settings.dbfile);
      const read = () => readConfiguration(configDir, enrolled !== null, configurationPorts());
      const configuration = usable(read(), log);
      const jails = configuration.plan.jails.map(({ name }) => name);
      const machine = [...programFindings(configuration.plan.jails), ...mailFindings(configuration.plan.jails)];
      tell([...sharedJails(jails, neighbourhood(diskFiles)), ...machine], log);
      const inForce = new ServerSettings(configuration.server, log);
      const reread = async () => {
        const next = read();
        const plan = strict(next, log);
        inForce.takeOver(next.server);
        return plan;
      };
      // HTTP takes 15 MB, which a host by itself does not need
      const { startLink } = enrolled === null ? { startLink: null } : await import('./start-link.ts');
      const { dbfile: dbFile, socket } = settings;
      const agent = agentOf({ sql, log, enrolled, startLink, dbFile, socket, reread }, configuration);
      await agent.start();
      // who waits for `ready` finds the figures' socket, too
      const figures = await openFigures(agent, configuration.server.metrics, supervisor, log);
      started.resolve(agent);
      ready();
      supervisor.ready();
      log.logger('server').info('Server ready');
      const alerts = await openAlerts(agent, configuration.server.alerts, { sql, enrolled, log });
      restWhenQuiet(processRest());
      await untilStopped(agent, stopped, supervisor);
      alerts.close();
      await figures.close();
      await control.close();
    } finally {
      sql.close();
    }
  } catch (error) {
    started.reject(error);
    throw error;
  } finally {
    leave();
    await control.close();
  }
}

interface Answering {
  readonly configDir: string;
  readonly started: Promise<Agent>;
  readonly supervisor: Supervisor;
  stop(): void;
}

function openControl(path: string, answering: Answering, log: Log): Promise<ControlServer> {
  const { configDir, started, stop, supervisor } = answering;
  const voice = log.logger('transmitter');
  let isTold = false;
  return openControlServer({
    path,
    streamed: () => {
      const instead = `it is left aside, and ${configDir} is read again (this is told once)`;
      if (!isTold) voice.warning(`fail2ban-client sends its own configuration along with reload: ${instead}`);
      isTold = true;
    },
    answer: async (words) => {
      const agent = await started;
      const run = () => (words[0] === 'reload' ? reload(agent, words, supervisor) : runCommand(agent, words));
      const answer = await answered(words, run, log);
      if (words[0] === 'stop' && (words[1] ?? '--unban') === '--unban') stop();
      return answer;
    },
    fault: (error) => voice.error(`edgeban is at fault: ${error instanceof Error ? error.stack : String(error)}`),
  });
}

async function reload(agent: Agent, words: readonly string[], supervisor: Supervisor): Promise<ReplyValue> {
  supervisor.reloading();
  try {
    return await runCommand(agent, words);
  } finally {
    supervisor.ready();
  }
}

/** Without the value of an action's property, which may be a key of another service. */
function told(words: readonly string[]): string[] {
  return words[2] === 'action' ? words.slice(0, 5) : [...words];
}

/** A command that fails stands in the log, as fail2ban's do. */
async function answered(words: readonly string[], run: () => Promise<ReplyValue>, log: Log): Promise<ReplyValue> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof EdgebanError)
      log
        .logger('transmitter')
        .error(`Command ${pythonRepr(told(words))} has failed. Received ${describeError(error)}`);
    throw error;
  }
}

/** Resolves when the agent has stopped: by the client's word, or by a signal (which leaves the bans in force). */
async function untilStopped(
  agent: Agent,
  stopped: { readonly promise: Promise<void> },
  supervisor: Supervisor,
): Promise<void> {
  const signalled = new Promise<'signal'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve('signal'));
  });
  const flush = () => agent.flushLogs();
  process.on('SIGUSR1', flush);
  // fail2ban ignores it, too: a closed terminal must not end the daemon
  process.on('SIGHUP', () => undefined);
  const why = await Promise.race([signalled, stopped.promise]);
  process.off('SIGUSR1', flush);
  supervisor.stopping();
  if (why === 'signal') await agent.stop({ unban: false });
}

/** A damaged database is moved away: bans must go on without it. */
function openDatabase(dbfile: string, log: Log): HostSql {
  if (dbfile === 'None') return openSqlite(':memory:');
  if (dbfile !== ':memory:') mkdirSync(dirname(dbfile), { recursive: true, mode: 0o700 });
  try {
    return openSqlite(dbfile);
  } catch (error) {
    if (!(error instanceof EdgebanError) || error.code !== 'ERR_STORE_CORRUPT') throw error;
    const aside = setAsideDatabase(dbfile, new Date().toISOString().replace(/\D/g, '').slice(0, 14));
    log.logger('database').error(`${describeError(error)}; it was moved to ${aside}, and a new one is made`);
    return openSqlite(dbfile);
  }
}

interface AgentNeeds {
  readonly sql: HostSql;
  readonly log: Log;
  readonly enrolled: EdgeSettings | null;
  /** Null: the host is not enrolled. */
  readonly startLink: typeof import('./start-link.ts').startLink | null;
  readonly dbFile: string;
  /** Its own control socket. */
  readonly socket: string;
  reread(): Promise<AgentPlan>;
}

function agentOf(
  { sql, log, enrolled, startLink, dbFile, socket, reread }: AgentNeeds,
  configuration: Configuration,
): Agent {
  const { dbmaxmatches } = configuration.server;
  const store = openStore(sql, { dbmaxmatches, freshStream: randomUUID });
  const nft = createNft();
  const ports = { nft, conntrack: conntrackOf(log), now };
  const resolver = new Resolver(Date.now);
  const kit = actionKit(ports, ticketWorld(store, log, resolver));
  const parts: AgentParts = {
    version,
    log,
    store,
    dbFile,
    re2: createRe2(),
    resolver,
    shell: new Shell(),
    hostname: hostname(),
    now,
    random: Math.random,
    ...kit,
    sweep: sweepAlone(socket, kit.sweep, log),
    watchFirewalls,
    createSource: (plan, start) =>
      sourceOf(plan, start, {
        now,
        onError: (error) => log.logger('filter').error(`${describeError(error)} (${error.code})`),
      }),
    plan: reread,
    host: enrolled?.host ?? null,
    origins: originsBy((why) => log.logger('actions').error(`Failure looking up extended Cymru info: ${why}`)),
    startLink: (fleet, resync) => {
      if (enrolled === null || startLink === null) throw new Error('a link without an enrolment');
      return startLink(enrolled, store, fleet, resync, log);
    },
  };
  return new Agent(parts, configuration.plan);
}

function conntrackOf(log: Log): Conntrack {
  return new Conntrack({ failed: (error) => log.logger('actions').error(`${describeError(error)} (${error.code})`) });
}
