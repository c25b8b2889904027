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
  const values = new JailValues(reading);
  const decided = reading.errors.length > 0 ? null : decide(place, reading, values);
  const source = values.option('backend')?.source;
  if (decided === null || source === undefined) return { reading, findings: [] };
  values.findings.length = 0;
  values.mild('notice', 'ERR_CONFIG_BACKEND', decided.message, source, decided.remedy);
  const again = decided.backend === null ? reading : readJail(place, name, { backend: decided.backend });
  return { reading: again, findings: values.findings };
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
