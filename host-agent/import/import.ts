/** Takes over from fail2ban: its files, its bans, its place. At no moment is an address free that fail2ban had banned. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isNftables } from '../../shared/config/action-conf.ts';
import { readServerConf } from '../../shared/config/server-conf.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import { openStore, type Store } from '../../shared/store/store.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Action } from '../actions/action.ts';
import { createNft } from '../actions/nft.ts';
import { createNftables } from '../actions/nftables.ts';
import { importTable } from '../actions/nftables-plan.ts';
import type { ImportOptions, ImportReport } from '../cli/ports.ts';
import { type Configuration, readConfiguration } from '../daemon/configuration.ts';
import { configurationPorts } from '../daemon/kit.ts';
import { diskFiles } from '../system/config-files.ts';
import { openSqlite } from '../system/sqlite.ts';
import { type Fail2banBans, readFail2banBans } from './fail2ban-bans.ts';
import { isFail2banFolder, notingFiles, overlaid, type PlannedFile, planFiles } from './fail2ban-files.ts';
import { fail2banPid, hasUnit, startEdgeban, stopEdgeban, stopFail2ban } from './services.ts';

/** Up to when bans were taken over: a later run does not bring back what was lifted since. */
const takenKey = 'import.fail2ban';

const now = () => Date.now() / 1000;

export class Import {
  readonly #nft = createNft();
  readonly #options: ImportOptions;
  readonly #theirs: Configuration;
  readonly #ours: Configuration;
  readonly #files: readonly PlannedFile[];
  readonly #database: string | null;
  readonly #pidfile: string;

  /** Reads all, and changes nothing. Throws ERR_IMPORT_MISSING, and what is wrong with fail2ban's configuration as a whole. */
  constructor(options: ImportOptions) {
    const { from, configDir, database } = options;
    if (!isFail2banFolder(from)) {
      const remedy = 'name the folder of its configuration with --from DIR';
      throw new EdgebanError('ERR_IMPORT_MISSING', `there is no fail2ban configuration in ${from}`, { remedy });
    }
    this.#options = options;
    const used = new Set<string>();
    const ports = configurationPorts();
    this.#theirs = readConfiguration(from, false, { ...ports, files: notingFiles(diskFiles, used) });
    const jails = this.#theirs.plan.jails.map(({ name }) => name);
    this.#files = planFiles(from, configDir, used, jails);
    this.#ours = readConfiguration(configDir, false, { ...ports, files: overlaid(diskFiles, configDir, this.#files) });
    const { server } = readServerConf(diskFiles, from);
    this.#database = database === null ? server.dbfile : database.toLowerCase() === 'none' ? null : database;
    this.#pidfile = server.pidfile;
  }

  /** What would be done now. */
  report(): ImportReport {
    const { active, past } = this.#wanted(this.#read());
    const ours = new Set(this.#ours.plan.jails.map(({ name }) => name));
    const theirs = this.#theirs.plan.jails.map(({ name }) => name);
    return {
      files: this.#files.map(({ path, state }) => ({ path, state })),
      jails: theirs.filter((name) => ours.has(name)),
      left: [...new Set([...theirs.filter((name) => !ours.has(name)), ...this.#broken()])],
      findings: this.#ours.findings
        .concat(this.#theirs.findings.filter(({ severity }) => severity === 'error'))
        .map(({ severity, message, file, line, remedy, jail }) => {
          const whole = jail === undefined ? message : `[${jail}] ${message}`;
          return {
            severity,
            message:
              `${file ?? ''}${line === null ? '' : `:${line}`} ${whole}${remedy === null ? '' : `; ${remedy}`}`.trim(),
          };
        }),
      database: this.#database,
      active: countsOf(active),
      remembered: past.length,
      running: fail2banPid(this.#pidfile),
      systemd: hasUnit('fail2ban.service'),
    };
  }

  /** Does it. `say` tells each step. Throws with the old protection, or the bridge, in force. */
  async run(say: (text: string) => void): Promise<void> {
    try {
      await this.#run(say);
    } finally {
      this.#nft.close();
    }
  }

  async #run(say: (text: string) => void): Promise<void> {
    this.#write(say);
    const before = this.#wanted(this.#read()).active;
    const bridges = this.#bridges(before);
    await Promise.all([...bridges].map(([jail, action]) => block(action, before, jail)));
    if (before.length > 0) say(`${before.length} ban(s) are held by the table ${importTable} meanwhile`);
    stopEdgeban(this.#options.client);
    await stopFail2ban(this.#pidfile);
    say('fail2ban has stopped');
    // what it banned to the last
    const taken = this.#keep(this.#read());
    say(`${taken.length} ban(s) are written to ${this.#options.dbfile}`);
    startEdgeban(this.#options.client);
    say('edgeban runs');
    await this.#verify(taken);
    await Promise.all([...bridges.values()].map((action) => action.close({ flush: true })));
    say('all of them are in the firewall; the import is done');
  }

  #broken(): string[] {
    return this.#theirs.findings.flatMap(({ severity, jail }) =>
      severity === 'error' && jail !== undefined ? [jail] : [],
    );
  }

  #read(): Fail2banBans {
    return this.#database === null ? { active: [], past: [] } : readFail2banBans(this.#database, now());
  }

  /** Without those taken over earlier, and without jails that edgeban will not have. */
  #wanted({ active, past }: Fail2banBans): Fail2banBans {
    const jails = new Set(this.#ours.plan.jails.map(({ name }) => name));
    const since = this.#takenUntil();
    const isWanted = ({ jail, at }: Ban) => jails.has(jail) && at > since;
    return { active: active.filter(isWanted), past: past.filter(isWanted) };
  }

  #takenUntil(): UnixTime {
    if (!existsSync(this.#options.dbfile)) return Number.NEGATIVE_INFINITY;
    return this.#withStore((store) => Number(store.meta.get(takenKey) ?? Number.NEGATIVE_INFINITY));
  }

  #write(say: (text: string) => void): void {
    for (const { path, text, state } of this.#files) {
      if (state !== 'new') continue;
      const target = join(this.#options.configDir, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text, { flag: 'wx', mode: 0o644 });
      say(`${target} is written`);
    }
  }

  /** One of our own actions for each jail with bans, in a table apart. */
  #bridges(bans: readonly Ban[]): Map<string, Action> {
    const nft = this.#nft;
    return new Map(
      Object.keys(countsOf(bans)).map((name) => {
        const actions = this.#ours.plan.jails.find((jail) => jail.name === name)?.actions ?? [];
        const native = actions.find(isNftables);
        const parameters = native?.parameters ?? { name, type: 'allports' };
        return [name, createNftables({ ...parameters, table: importTable }, { nft, now })];
      }),
    );
  }

  #keep(found: Fail2banBans): readonly Ban[] {
    const { active, past } = this.#wanted(found);
    this.#withStore((store) =>
      store.transaction(() => {
        for (const ban of past) store.bans.remember(ban);
        for (const ban of active) if (store.bans.held(ban.jail, ban.id) === null) store.bans.add(ban);
        const newest = [...active, ...past].reduce((time, { at }) => Math.max(time, at), 0);
        if (newest > 0) store.meta.set(takenKey, String(newest));
      }),
    );
    return active;
  }

  /** The kernel has each address whose time is not over; one that a guard spares is told by edgeban's log. */
  async #verify(taken: readonly Ban[]): Promise<void> {
    const held = this.#withStore((store) => taken.filter(({ jail, id }) => store.bans.held(jail, id) !== null));
    const nft = this.#nft;
    for (const { name, actions } of this.#ours.plan.jails) {
      const native = actions.find(isNftables);
      const wanted = held.filter(({ jail, ip }) => jail === name && ip !== null);
      if (native === undefined || wanted.length === 0) continue;
      const there = new Set(
        (await createNftables(native.parameters, { nft, now }).list()).map(({ address }) => address),
      );
      const missing = wanted.filter(
        ({ ip, until }) => ip !== null && !there.has(ip) && (until === null || until > now() + 5),
      );
      if (missing.length > 0) {
        const remedy = `see edgeban's log; until then the table inet ${importTable} holds them (nft delete table inet ${importTable})`;
        throw new EdgebanError('ERR_IMPORT_INCOMPLETE', `[${name}] ${missing.length} ban(s) are not in the firewall`, {
          remedy,
        });
      }
    }
  }

  #withStore<T>(work: (store: Store) => T): T {
    mkdirSync(dirname(this.#options.dbfile), { recursive: true, mode: 0o700 });
    const sql = openSqlite(this.#options.dbfile);
    try {
      return work(openStore(sql, { dbmaxmatches: 10, freshStream: () => crypto.randomUUID() }));
    } finally {
      sql.close();
    }
  }
}

async function block(action: Action, bans: readonly Ban[], jail: string): Promise<void> {
  const wanted = bans.flatMap(({ jail: its, ip, until }) =>
    its === jail && ip !== null ? [{ address: ip, until }] : [],
  );
  const [failed] = await action.reconcile(wanted);
  if (failed !== undefined)
    throw new EdgebanError('ERR_IMPORT_INCOMPLETE', `${failed.address}: ${describeError(failed.error)}`, {
      remedy: 'fail2ban goes on as before',
    });
}

function countsOf(bans: readonly Ban[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { jail } of bans) counts[jail] = (counts[jail] ?? 0) + 1;
  return counts;
}
