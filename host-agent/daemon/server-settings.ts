/** What a reload takes over of edgeban.conf, and what it says of that for which a restart is needed. */
import type { ServerConf } from '../../shared/config/server-conf.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { Log } from '../log/log.ts';

/** What is opened or bound once. */
const lasting = ['socket', 'pidfile', 'dbfile', 'dbmaxmatches', 'allowipv6', 'metrics'] as const;

export class ServerSettings {
  readonly #log: Log;
  /** With what the daemon was started: compared with that, a setting waits for a restart. */
  readonly #started: ServerConf;
  /** As the file stood last. What it does not change stays as the command line, or a client, has set it. */
  #last: ServerConf;

  constructor(started: ServerConf, log: Log) {
    this.#started = started;
    this.#last = started;
    this.#log = log;
  }

  /** The jails, dbpurgeage and [Guard] are taken over by the agent; the log's level and target here. */
  takeOver(next: ServerConf): void {
    const last = this.#last;
    this.#last = next;
    if (next.loglevel !== last.loglevel) this.#apply('loglevel', next.loglevel, (value) => this.#log.setLevel(value));
    if (next.logtarget !== last.logtarget)
      this.#apply('logtarget', next.logtarget, (value) => this.#log.setTarget(value));
    if (next.syslogsocket !== last.syslogsocket)
      this.#apply('syslogsocket', next.syslogsocket, (value) => this.#log.setSyslogSocket(value));
    const waiting = lasting.filter((name) => JSON.stringify(next[name]) !== JSON.stringify(this.#started[name]));
    if (waiting.length === 0) return;
    const names = waiting.join(', ');
    this.#log.logger('server').warning(`changed, but in force only after a restart: ${names} (edgeban-client restart)`);
  }

  #apply(name: string, value: string, set: (value: string) => void): void {
    const told = this.#log.logger('server');
    try {
      set(value);
      told.info(`${name} is now ${value}`);
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      told.error(`${name} stays as it was: ${describeError(error)} (${error.code})`);
    }
  }
}
