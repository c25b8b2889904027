/** fail2ban on the same host: which of our jails it guards as well. Nothing of it is touched. */
import { type Finding, mildFinding } from '../../shared/config/finding.ts';
import { isOn, jailNames, openJails } from '../../shared/config/open-jails.ts';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import { readServerConf } from '../../shared/config/server-conf.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { textOf } from '../system/text-file.ts';

export interface Neighbourhood {
  readonly files: ConfigFiles;
  /** fail2ban's configuration: `/etc/fail2ban`. */
  readonly dir: string;
  /** The name of a process, as /proc/PID/comm has it; null if there is none. */
  commOf(pid: number): string | null;
  /** The text of a pid file; null if there is none. */
  readPidFile(path: string): string | null;
}

export function neighbourhood(files: ConfigFiles): Neighbourhood {
  return {
    files,
    dir: '/etc/fail2ban',
    // our own daemon may have been given any name (--pname)
    commOf: (pid) =>
      textOf(`/proc/${pid}/cmdline`)?.includes('edgeban') === true
        ? null
        : (textOf(`/proc/${pid}/comm`)?.trim() ?? null),
    readPidFile: textOf,
  };
}

/** A warning for each of these jails that a running fail2ban has, too. */
export function sharedJails(jails: readonly string[], { files, dir, commOf, readPidFile }: Neighbourhood): Finding[] {
  const pid = Number(readPidFile(readServerConf(files, dir).server.pidfile) ?? Number.NaN);
  // our own daemon keeps to fail2ban's places where it runs fail2ban's configuration
  if (!Number.isInteger(pid) || commOf(pid) !== 'fail2ban-server') return [];
  const { place } = openJails(files, dir);
  if (place === null) return [];
  const its = new Set(jailNames(place.config).filter((name) => isOn(place, name, [])));
  return jails.filter((name) => its.has(name)).map((name) => mildFinding('warning', sharedJail(name), name));
}

function sharedJail(name: string): EdgebanError {
  return new EdgebanError('ERR_CONFIG_NEIGHBOUR', `fail2ban runs as well, and guards the jail ${name}, too`, {
    remedy: 'let one of them do it: systemctl disable --now fail2ban, or enabled = false in one of the jails',
  });
}
