/** A daemon without jails of its own kind: what the control tests and the client tests talk to. */

import type { AgentControl, JailControl, JailSettings, ReloadOptions } from '../../host-agent/control/agent-control.ts';
import { unknownJail } from '../../host-agent/control/errors.ts';
import { usualPlanes } from '../../shared/config/planes.ts';
import type { Story } from '../../shared/story.ts';
import type { Ban } from '../../shared/ticket.ts';

export interface FakeJail extends JailControl {
  readonly banned: Ban[];
}

export function fakeBan(id: string, at: number, bantime: number, jail = 'sshd'): Ban {
  const until = bantime < 0 ? null : at + bantime;
  return { jail, id, ip: id, at, bantime, until, count: 1, failures: 5, matches: [] };
}

type Change = (settings: Partial<JailSettings>) => Promise<void>;

function changes(change: Change, changed: () => Partial<JailSettings>) {
  const words: Omit<
    JailControl,
    'counts' | 'idle' | 'settings' | 'bans' | 'failing' | 'ban' | 'unban' | 'attempt' | 'addIgnored' | 'dropIgnored'
  > = {
    change: (settings) => void change(settings),
    changeFilter: ({ datepattern, ...others }) =>
      change({
        ...others,
        ...(datepattern === undefined ? {} : { datepattern: { pattern: datepattern, name: 'Named' } }),
      }),
    changeIgnoring: change,
    changeEncoding: (logencoding) => change({ logencoding }),
    changeBantime: (option, text) => change({ bantimeExtra: { [option]: text } }),
    addRegex: (kind, regex) => change({ [kind]: [...(changed()[kind] ?? []), regex] }),
    dropRegex: (kind) => change({ [kind]: [] }),
    addLog: (path) => change({ logpath: [path] }),
    dropLog: () => change({ logpath: [] }),
    addJournalMatch: (words) => change({ journalmatch: [words] }),
    dropJournalMatch: async (words) => {
      await change({ journalmatch: [] });
      return words[0] !== 'NO=1';
    },
    actions: () => [{ name: 'shell', properties: { actionban: 'echo <ip>', norestored: false } }],
    addAction: () => Promise.resolve(),
    dropAction: () => Promise.resolve(),
    changeAction: () => Promise.resolve(),
    setIdle: (idle) => change({ idle }),
  };
  return words;
}

function defaultSettings(backend: 'polling' | 'systemd') {
  return {
    backend,
    idle: false,
    bantimeExtra: {},
    ignorecache: null,
    maxlines: 1,
    logtimezone: null,
    datepattern: backend === 'systemd' ? null : { pattern: null, name: 'Default Detectors' },
    prefregex: '',
    maxretry: 5,
    findtime: 600,
    bantime: -1,
    maxmatches: 5,
    ignoreself: true,
    ignorecommand: '',
    usedns: 'warn' as const,
    logencoding: 'auto',
    planes: usualPlanes,
    standsIn: false,
  };
}

export function fakeJail(name: string, backend: 'polling' | 'systemd', ids: readonly string[]): FakeJail {
  const banned = ids.map((id) => fakeBan(id, 1000, 600, name));
  const ignoreip = ['127.0.0.0/8', '::1'];
  let changed: Partial<JailSettings> = {};
  const change = (settings: Partial<JailSettings>) => {
    changed = { ...changed, ...settings };
    return Promise.resolve();
  };
  return {
    banned,
    attempt: () => Promise.resolve(),
    addIgnored: (texts) => Promise.resolve(void ignoreip.push(...texts)),
    dropIgnored: (text) => {
      const at = ignoreip.indexOf(text);
      if (at >= 0) ignoreip.splice(at, 1);
      return Promise.resolve(at >= 0);
    },
    ...changes(change, () => changed),
    counts: () => ({ currentlyFailed: 2, totalFailed: 5, currentlyBanned: banned.length, totalBanned: 5, givenUp: 3 }),
    settings: () => ({
      ...defaultSettings(backend),
      ignoreip,
      logpath: backend === 'polling' ? ['/var/log/a', '/var/log/b'] : [],
      journalmatch: backend === 'systemd' ? [['_SYSTEMD_UNIT=x.service'], ['_COMM=sshd', '_UID=0']] : [],
      failregex: ['^one <HOST>$', '^two <HOST>$'],
      ignoreregex: [],
      actions: ['nftables-multiport', 'edge'],
      ...changed,
    }),
    idle: false,
    bans: () => banned,
    failing: () => [],
    ban: (ids) => {
      const fresh = ids.filter((id) => !banned.some((ban) => ban.id === id));
      banned.push(...fresh.map((id) => fakeBan(id, 2000, 600, name)));
      return Promise.resolve(fresh.length);
    },
    unban: (ids) => {
      const absent = ids.filter((id) => !banned.some((ban) => ban.id === id));
      const kept = banned.filter((ban) => !ids.includes(ban.id));
      banned.splice(0, banned.length, ...kept);
      return Promise.resolve({ lifted: ids.length - absent.length, absent });
    },
  };
}

export interface FakeAgent extends AgentControl {
  logTarget: string;
  syslogSocket: string;
  dbFile: string | null;
  readonly reloads: ReloadOptions[];
  readonly stops: { readonly unban: boolean }[];
}

function unknownTo(strangers: string[], id: string): Story {
  return { id, now: 2000, guard: null, jails: [], strangers, holders: [], edge: null, edgeTrouble: null };
}

export function fakeAgent(jails: Record<string, FakeJail>): FakeAgent {
  const reloads: ReloadOptions[] = [];
  const stops: { readonly unban: boolean }[] = [];
  return {
    reloads,
    stops,
    version: '1.2.3',
    jails: () => Object.keys(jails),
    jail: (name) => (Object.hasOwn(jails, name) ? (jails[name] ?? null) : null),
    unban: async (ids) => {
      const unbanned = await Promise.all(Object.values(jails).map((jail) => jail.unban(ids)));
      return unbanned.reduce((sum, { lifted }) => sum + lifted, 0);
    },
    leftOut: () => [],
    unbanAll: () => Promise.resolve(Object.values(jails).reduce((sum, jail) => sum + jail.banned.splice(0).length, 0)),
    reload: (options) => {
      if (options.jail !== null && !Object.hasOwn(jails, options.jail) && !options.ifExists)
        throw unknownJail(options.jail);
      reloads.push(options);
      return Promise.resolve();
    },
    explain: (id) => Promise.resolve(unknownTo(Object.keys(jails), id)),
    stop: (options) => {
      stops.push(options);
      return Promise.resolve();
    },
    flushLogs: () => 'rolled over',
    logLevel: 'INFO',
    setLogLevel: (level) => level.toUpperCase(),
    logTarget: '/var/log/edgeban.log',
    setLogTarget(target) {
      this.logTarget = target;
    },
    syslogSocket: 'auto',
    setSyslogSocket(path) {
      this.syslogSocket = path;
    },
    dbFile: null,
    dbMaxMatches: 10,
    dbPurgeAge: 86_400,
    addJail: (name) => {
      jails[name] = fakeJail(name, 'polling', []);
    },
    startJail: async (name) => {
      if (!Object.hasOwn(jails, name)) throw unknownJail(name);
    },
    stopJail: async (name) => {
      if (!Object.hasOwn(jails, name)) throw unknownJail(name);
      delete jails[name];
    },
    origins: (ids) => {
      const of = (name: string) => ids.map((id) => `${name} of ${id}`);
      return Promise.resolve({ asn: of('asn'), country: of('country'), rir: of('rir') });
    },
    edge: () => null,
    noteAct: () => undefined,
    recent: { started: 1000, after: () => ({ now: 2000, cursor: 0, events: [] }) },
  };
}

/** nginx-http-auth (journal, no bans) and sshd (files, two bans), made in this order. */
export function twoJails(): FakeAgent {
  return fakeAgent({
    sshd: fakeJail('sshd', 'polling', ['192.0.2.50', '2001:db8::1']),
    'nginx-http-auth': fakeJail('nginx-http-auth', 'systemd', []),
  });
}
