/** The jails' files, opened: which jails there are, and what is wrong with all of them. */
import type { EdgebanError } from '../errors.ts';
import { type Config, readConfig, sectionNames } from './config-tree.ts';
import { configError, type Finding, findingOf } from './finding.ts';
import { isEnabled, type JailPlace, type JailReading, readJail } from './jail-reading.ts';
import { type ConfigFiles, joinPath, openFiles } from './read-order.ts';
import { sourced } from './sourced.ts';

/** The version of fail2ban whose language this is: what `%(fail2ban_version)s` says. */
const fail2banVersion = '1.1.0';

export interface Opened {
  /** Null where no jail can be read at all. */
  readonly place: JailPlace | null;
  readonly findings: Finding[];
}

export function openJails(files: ConfigFiles, dir: string): Opened {
  const cache = openFiles(files);
  try {
    const config = readConfig(cache, joinPath(dir, 'jail'));
    if (config === null) throw missing(dir);
    const general = generalProblems(config);
    if (general.length > 0) return { place: null, findings: [...cache.findings, ...general] };
    const nowhere = { file: joinPath(dir, 'jail.conf'), line: 1 };
    config.defaults.set('fail2ban_version', sourced(fail2banVersion, nowhere));
    config.defaults.set('fail2ban_confpath', sourced(dir, nowhere));
    return { place: { cache, dir, config }, findings: [] };
  } catch (error) {
    return { place: null, findings: [...cache.findings, findingOf(error)] };
  }
}

function missing(dir: string): EdgebanError {
  const path = joinPath(dir, 'jail.conf');
  return configError(
    'ERR_CONFIG_MISSING',
    'there is no jail.conf',
    { file: path, line: 1 },
    `write ${path}, or name another folder with -c`,
  );
}

/** What stands before any section, in [DEFAULT] or in [INCLUDES] concerns all jails. */
function generalProblems(config: Config): Finding[] {
  const general = config.problems.filter(
    ({ section }) => section === null || section === 'DEFAULT' || section === 'INCLUDES',
  );
  return general.map(({ error }) => findingOf(error));
}

export function jailNames(config: Config): string[] {
  return sectionNames(config).filter((name) => name !== 'INCLUDES');
}

export function isOn(place: JailPlace, name: string, findings: Finding[]): boolean {
  try {
    return isEnabled(place, name);
  } catch (error) {
    findings.push(findingOf(error, name));
    return false;
  }
}

/** The readings of all jails that are switched on, for the command stream. */
export function readJailReadings(files: ConfigFiles, dir: string): { jails: JailReading[]; findings: Finding[] } {
  const { place, findings } = openJails(files, dir);
  if (place === null) return { jails: [], findings };
  const names = jailNames(place.config).filter((name) => isOn(place, name, findings));
  const jails = names.map((name) => readJail(place, name));
  const errors = jails.flatMap((jail) => jail.errors.map((error) => findingOf(error, jail.name)));
  return { jails, findings: [...findings, ...errors, ...place.cache.findings] };
}
