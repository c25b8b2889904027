/** An agent in this process: a configuration folder, a database in memory, and a log whose lines the test writes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Conntrack } from '../../host-agent/actions/conntrack.ts';
import { createNft, type Nft } from '../../host-agent/actions/nft.ts';
import { Agent } from '../../host-agent/agent/agent.ts';
import type { AgentParts, EdgeLink } from '../../host-agent/agent/parts.ts';
import { sourceName } from '../../host-agent/agent/plan.ts';
import { runCommand } from '../../host-agent/control/commands.ts';
import { readConfiguration } from '../../host-agent/daemon/configuration.ts';
import { actionKit, configurationPorts } from '../../host-agent/daemon/kit.ts';
import { ticketWorld } from '../../host-agent/daemon/ticket-world.ts';
import { Log } from '../../host-agent/log/log.ts';
import type { Sink, Source } from '../../host-agent/sources/source.ts';
import { diskFiles } from '../../host-agent/system/config-files.ts';
import { Resolver } from '../../host-agent/system/dns.ts';
import { watchFirewalls } from '../../host-agent/system/firewalls.ts';
import { createRe2 } from '../../host-agent/system/re2.ts';
import { Shell, type ShellLimits, shellLimits } from '../../host-agent/system/shell.ts';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import { openStore, type Store } from '../../shared/store/store.ts';
import type { Line } from '../../shared/ticket.ts';

export interface AgentBench {
  readonly agent: Agent;
  readonly dir: string;
  /** Writes a file of the configuration folder; returns its path. */
  write(name: string, text: string): string;
  /** The lines as the log would bring them, all with the time of now. */
  feed(...lines: readonly (string | Uint8Array)[]): Promise<void>;
  /** The lines as a file would bring them: their time is what they say. */
  feedDated(...lines: readonly string[]): Promise<void>;
  readonly store: Store;
  /** What the agent has logged. */
  log(): string;
  /** Events that wait for the Worker, oldest first. */
  told(): unknown[];
  /** A command of the client's. */
  say(...words: readonly string[]): Promise<unknown>;
}

export interface BenchOptions {
  /** Addresses by host name. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  readonly shell?: Partial<ShellLimits>;
  readonly sweep?: AgentParts['sweep'];
  /** In Unix seconds; the real time if not given. */
  now?(): number;
  /** This host's id at a Worker that never answers; null: it is not enrolled. */
  readonly host?: string | null;
  /** To that Worker; out of reach unless told otherwise. */
  readonly link?: EdgeLink;
  /** The firewall; the machine's own unless told otherwise. */
  readonly nft?: Nft;
  /** A file; in memory unless told otherwise. */
  readonly database?: string;
  /** More files of the configuration folder. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A Worker out of reach. */
const deadLink: EdgeLink = {
  wake: () => undefined,
  report: () => ({ url: '', host: '', feed: 'down', answeredAt: null, waiting: 0, trouble: null }),
  explain: () => Promise.reject(new Error('out of reach')),
  ability: () => Promise.reject(new Error('out of reach')),
  close: () => Promise.resolve(),
};

const usual: Required<Omit<BenchOptions, 'nft'>> = {
  database: ':memory:',
  names: {},
  shell: {},
  files: {},
  sweep: async () => [],
  host: null,
  link: deadLink,
  now: () => Date.now() / 1000,
};

/** `DIR` in the text of jail.conf stands for the configuration folder. */
export async function startAgent(jails: string, options: BenchOptions = {}): Promise<AgentBench> {
  const { names, shell, files, sweep, host, link, nft = createNft(), now, database } = { ...usual, ...options };
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-agent-'));
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  write('jail.conf', jails.replaceAll('DIR', dir));
  const { checkAction } = configurationPorts();
  const ports = { files: diskFiles, re2: createRe2(), random: () => 0.5, now, checkAction };
  const read = () => {
    const { plan, findings } = readConfiguration(dir, host !== null, ports);
    const error = findings.find(({ severity }) => severity === 'error');
    if (error !== undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
    return plan;
  };
  const target = join(dir, 'edgeban.log');
  const log = new Log({ target, level: 'DEBUG' });
  const sql = openSqlite(database);
  const sinks = new Map<string, Sink>();
  const store = openStore(sql, { dbmaxmatches: 10, freshStream: () => crypto.randomUUID() });
  const resolver = new Resolver(Date.now, (name) => Promise.resolve(names[name] ?? []));
  const actionPorts = { nft, conntrack: new Conntrack(), now };
  const parts: AgentParts = {
    version: '1.2.3',
    log,
    store,
    dbFile: ':memory:',
    re2: ports.re2,
    shell: new Shell({ ...shellLimits, ...shell }),
    hostname: 'host-a.example',
    resolver,
    now,
    random: () => 0.5,
    ...actionKit(actionPorts, ticketWorld(store, log, resolver)),
    sweep,
    watchFirewalls: (started) => watchFirewalls(started, join(dir, 'units')),
    createSource: (plan) => sourceInto(sinks, sourceName(plan)),
    plan: async () => read(),
    host,
    origins: () => Promise.resolve({ asn: [], country: [], rir: [] }),
    startLink: () => link,
  };
  const agent = new Agent(parts, read());
  await agent.start();
  onTestFinished(async () => {
    await agent.stop({ unban: false });
    sql.close();
    log.close();
    rmSync(dir, { recursive: true });
  });
  return {
    ...{ agent, dir, store, write, ...feeders(sinks, now), log: () => readFileSync(target, 'utf8') },
    told: () => store.outbox.peek(1_000)?.events.map((event): unknown => JSON.parse(event)) ?? [],
    say: (...words) => runCommand(agent, words),
  };
}

function feeders(sinks: ReadonlyMap<string, Sink>, now: () => number): Pick<AgentBench, 'feed' | 'feedDated'> {
  const feed = (lines: readonly (string | Uint8Array)[], more: () => Pick<Line, 'time'>) =>
    feedAll(
      sinks,
      lines.map((line) => ({ bytes: Buffer.from(line), ...more() })),
    );
  return {
    feed: (...lines) => feed(lines, () => ({ time: now() })),
    feedDated: (...lines) => feed(lines, () => ({})),
  };
}

/** To every source; what a sink has no time for comes again. */
async function feedAll(sinks: ReadonlyMap<string, Sink>, lines: readonly Line[]): Promise<void> {
  for (const [source, sink] of sinks) {
    for (let left = lines; left.length > 0; ) {
      let taken = left.length;
      const takeOnly = (count: number) => {
        taken = count;
        return '{}';
      };
      await sink({ source, lines: left, position: '{}', live: true, takeOnly });
      left = left.slice(taken);
    }
  }
}

function sourceInto(sinks: Map<string, Sink>, name: string): Source {
  return {
    name,
    run: (sink, signal) => {
      sinks.set(name, sink);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          if (sinks.get(name) === sink) sinks.delete(name);
          resolve();
        });
      });
    },
  };
}

/** A jail `web` that bans at the first failure; `options` are more lines of it. */
export function webJail(options = ''): string {
  const lines = ['[web]', 'enabled = true', 'logpath = DIR/web.log', 'maxretry = 1', 'ignoreself = false'];
  const regex = String.raw`failregex = ^fail <HOST>(?: user=<F-USER>\S+</F-USER>)?$`;
  return [...lines, regex, options, ''].join('\n');
}
