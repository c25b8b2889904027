/** Log files or the journal: which of them a jail is to read where its configuration leaves that open. */
import { backendOf } from './backend.ts';
import type { Finding } from './finding.ts';
import { glob } from './glob.ts';
import { interpolated } from './interpolation.ts';
import { type JailPlace, type JailReading, readJail } from './jail-reading.ts';
import { JailValues, logpathsOf } from './jail-values.ts';

export interface Read {
  readonly reading: JailReading;
  readonly findings: readonly Finding[];
}

/**
 * Decides between log files and the journal where the jail leaves it open, and reads it again if that is not what it
 * says: the filter's regexes differ. `auto` is the journal where no log file is there and the filter knows its entries
 * (as in fail2ban 1.1.1); `systemd` is the log files where the journal would be read whole though the jail names files.
 */
export function readWithBackend(place: JailPlace, name: string): Read {
  const reading = readJail(place, name);
  if (reading.errors.length > 0) return { reading, findings: [] };
  // what is wrong with these values is told by whoever takes them
  const asked = new JailValues(reading);
  const told = new JailValues(reading);
  const decided = decide(place, reading, asked);
  const source = asked.option('backend')?.source;
  if (decided !== null && source !== undefined)
    told.mild('notice', 'ERR_CONFIG_BACKEND', decided.message, source, decided.remedy);
  if ((decided?.backend ?? backendOf(asked).name) !== 'systemd') tellAbsentLogs(place, asked, told);
  const backend = source === undefined ? null : (decided?.backend ?? null);
  return { reading: backend === null ? reading : readJail(place, name, { backend }), findings: told.findings };
}

/** fail2ban does not start without them; here the jail waits until they are there. */
function tellAbsentLogs(place: JailPlace, asked: JailValues, told: JailValues): void {
  const source = asked.option('logpath')?.source;
  if (source === undefined) return;
  for (const path of logpathsOf(asked).filter((logpath) => glob(place.cache.files, logpath.glob).length === 0)) {
    const remedy = 'correct the path, or leave it: the file is read as soon as it is there';
    told.mild('warning', 'ERR_CONFIG_LOGPATH', `${path.glob} is not there`, source, remedy);
  }
}

interface Decided {
  /** Null: the one that the jail names. */
  readonly backend: 'auto' | 'systemd' | null;
  readonly message: string;
  readonly remedy: string;
}

function decide(place: JailPlace, reading: JailReading, values: JailValues): Decided | null {
  const { name } = backendOf(values);
  const logpaths = logpathsOf(values);
  if (hasJournalMatch(reading)) {
    if (name !== 'auto' || !journalWithoutLogs(place, reading.name)) return null;
    if (logpaths.some((path) => glob(place.cache.files, path.glob).length > 0)) return null;
    return {
      backend: 'systemd',
      message: 'no log file is there: the journal is read',
      remedy: 'write backend = systemd',
    };
  }
  if (name !== 'systemd') return null;
  if (logpaths.length === 0) {
    const remedy = 'write a journalmatch, such as _SYSTEMD_UNIT=name.service';
    return { backend: null, message: 'there is no journalmatch: the whole journal is read', remedy };
  }
  const message = 'the filter has no journalmatch: the log files of logpath are read, not the journal';
  return { backend: 'auto', message, remedy: 'write backend = auto, or a journalmatch' };
}

function hasJournalMatch(reading: JailReading): boolean {
  const match = reading.filter.get('journalmatch') ?? reading.options.get('journalmatch')?.source;
  return match !== undefined && match.text.trim() !== '';
}

function journalWithoutLogs({ config }: JailPlace, name: string): boolean {
  const value = interpolated(config, name, 'systemd_if_nologs');
  return value === null || !['0', 'off', 'false', 'no'].includes(value.text.toLowerCase());
}
