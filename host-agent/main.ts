/** Runs one of the programs: `main.ts edgeban-server|edgeban-client|edgeban-regex|edgeban ARGUMENT…` (bin/ says which). */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding as ConfigFinding } from '../shared/config/finding.ts';
import { readServerConf, type ServerConf } from '../shared/config/server-conf.ts';
import type { EdgeAbility } from '../shared/wire.ts';
import type { Enrolment, Finding, HostPorts, ServerSettings } from './cli/ports.ts';
import { processTerminal } from './cli/terminal.ts';
import { edgeFiles, enrolment } from './edge/files.ts';
import type { EdgeSettings } from './edge/settings.ts';
import { diskFiles } from './system/config-files.ts';
import { honourZone } from './system/time-zone.ts';
import { version } from './version.ts';

const here = fileURLToPath(import.meta.url);

// what takes long to load (the regex engine, HTTP, the daemon) is loaded only where it is needed: a client has to be quick
const ports: HostPorts = {
  version,
  serverCommand: serverCommand(),
  serviceOf: async (pidfile) => await (await import('./system/service.ts')).serviceOf(pidfile),
  restartService: async (unit) => await (await import('./system/service.ts')).restartService(unit),
  serverSettings: async (configDir) => settingsIn(configDir),
  testConfiguration: async (configDir) => {
    const { readConfiguration } = await import('./daemon/configuration.ts');
    const { configurationPorts } = await import('./daemon/kit.ts');
    const { edgeFindings } = await import('./daemon/edge-test.ts');
    const enrolled = await enrolment(settingsIn(configDir).dbfile);
    const { neighbourhood, sharedJails } = await import('./daemon/neighbour.ts');
    const { findings, plan } = readConfiguration(configDir, enrolled !== null, configurationPorts());
    const jails = plan.jails.map(({ name }) => name);
    const edge = enrolled === null ? [] : await edgeFindings(plan.jails, () => abilityOnce(enrolled));
    const { programFindings } = await import('./daemon/programs.ts');
    const machine = [...sharedJails(jails, neighbourhood(diskFiles)), ...programFindings(plan.jails)];
    return [...findings, ...machine, ...edge].map(shown);
  },
  commandStream: async (configDir, { loglevel, logtarget, syslogsocket, dbfile }) => {
    const { commandStreamOf } = await import('./daemon/command-stream.ts');
    const given = Object.entries({ loglevel, logtarget, syslogsocket, dbfile }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const { commands, findings } = commandStreamOf(configDir, Object.fromEntries(given));
    return { commands, findings: findings.map(shown) };
  },
  serve: async (options) => {
    const { serve } = await import('./daemon/daemon.ts');
    await serve(options);
  },
  enroll: async ({ settings, url, token, name }) => {
    const { enroll } = await import('./edge/enroll.ts');
    const { realWorld } = await import('./edge/world.ts');
    const files = edgeFiles(settings.dbfile);
    const made = await enroll({ files, url, token, name, world: realWorld });
    return { url: made.url, host: made.host, ledger: made.ledger, file: files.settings };
  },
  importFail2ban: async ({ socket, pidfile, ...options }) => {
    const { Import } = await import('./import/import.ts');
    const paths = ['-c', options.configDir, '-s', socket, '-p', pidfile, '--dbfile', options.dbfile];
    return new Import({ ...options, client: [process.execPath, here, 'edgeban-client', ...paths] });
  },
  withdraw: async () => await (await import('./daemon/withdraw.ts')).withdraw(),
  enrolment: (_configDir, settings) => enrolmentOf(settings),
  operate: async (verb, argv, terminal) => {
    const { runOperator } = await import('./operator/program.ts');
    return await runOperator(verb, argv, terminal, ports);
  },
};

/** The launcher, which knows how much room the daemon's Node gets: a checkout's, or the package's (/usr/bin, of /usr/lib/edgeban). */
function serverCommand(): string[] {
  const folder = dirname(here);
  const launchers = [join(folder, 'bin/edgeban-server'), join(folder, '../../../bin/edgeban-server')];
  const launcher = launchers.find((file) => existsSync(file));
  return launcher === undefined ? [process.execPath, here, 'edgeban-server'] : [launcher];
}

/** A person waits for the answer. */
const ability_ms_max = 5_000;

async function abilityOnce({ url, host, key }: EdgeSettings): Promise<EdgeAbility> {
  const { EdgeClient } = await import('./edge/client.ts');
  const { readKey } = await import('./edge/key.ts');
  const { realWorld } = await import('./edge/world.ts');
  const client = new EdgeClient({ url, world: realWorld, identity: { host, key: readKey(key) } });
  return await client.ability(AbortSignal.timeout(ability_ms_max)).finally(() => client.close());
}

function settingsIn(configDir: string): ServerSettings {
  const { from, socket, pidfile, logtarget, loglevel, syslogsocket, dbfile } = readServerConf(
    diskFiles,
    configDir,
  ).server;
  return { socket, pidfile, logtarget, loglevel, syslogsocket, dbfile: databaseOf(from, dbfile) };
}

/** Beside fail2ban's own database, never in it: it may run again tomorrow. */
function databaseOf(from: ServerConf['from'], dbfile: string | null): string {
  if (dbfile === null) return 'None';
  return from === 'fail2ban' && isAbsolute(dbfile) ? join(dirname(dbfile), 'edgeban.sqlite3') : dbfile;
}

async function enrolmentOf(settings: ServerSettings): Promise<Enrolment | null> {
  const found = await enrolment(settings.dbfile);
  return found === null
    ? null
    : { url: found.url, host: found.host, ledger: found.ledger, file: edgeFiles(settings.dbfile).settings };
}

function shown(finding: ConfigFinding): Finding {
  const { severity, code, message, file, line, remedy, jail } = finding;
  const whole = jail === undefined ? message : `[${jail}] ${message}`;
  const place = { file: file ?? undefined, line: line ?? undefined, remedy: remedy ?? undefined };
  return { severity, code, message: whole, ...place };
}

async function run(program: string | undefined, argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  honourZone(process.env, new Date().getFullYear(), (text) => terminal.err(`${program}: ${text}`));
  switch (program) {
    case 'edgeban-server': {
      const { runServer } = await import('./cli/server.ts');
      return await runServer(argv, ports, terminal);
    }
    case 'edgeban-client': {
      const { runClient } = await import('./cli/client.ts');
      return await runClient(argv, ports, terminal);
    }
    case 'edgeban-regex': {
      const { runRegexProgram } = await import('./regex/main.ts');
      return await runRegexProgram(argv, version);
    }
    case 'edgeban': {
      const { asksHelp } = await import('./cli/edgeban-help.ts');
      if (argv[0] === 'dashboard' && !asksHelp(argv)) {
        const { runDashboard } = await import('./dashboard/main.ts');
        const { dashboardPage } = await import('./dashboard-page.ts');
        return await runDashboard(argv.slice(1), ports, dashboardPage, terminal);
      }
      if (argv[0] === 'replay') {
        const { realWorld, runReplay } = await import('./replay/main.ts');
        return await runReplay(argv.slice(1), realWorld());
      }
      const { runEdgeban } = await import('./cli/edgeban.ts');
      return await runEdgeban(argv, ports, terminal);
    }
    default:
      throw new Error(`main.ts runs edgeban-server, edgeban-client, edgeban-regex or edgeban, not ${program}`);
  }
}

process.exitCode = await run(process.argv[2], process.argv.slice(3));
