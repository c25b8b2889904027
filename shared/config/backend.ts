/** The backend of a jail: by what its lines are read. */
import type { JailValues } from './jail-values.ts';
import { nearest } from './known-options.ts';
import { parseNamedOptions } from './options-syntax.ts';
import type { Sourced } from './sourced.ts';

export type BackendName = 'auto' | 'polling' | 'pyinotify' | 'gamin' | 'systemd';

export interface BackendConf {
  readonly name: BackendName;
  /** As in `systemd[journalpath=…, journalflags=…]`. */
  readonly options: Readonly<Record<string, string>>;
}

const backendNames: readonly BackendName[] = ['auto', 'polling', 'pyinotify', 'gamin', 'systemd'];
const backendOptions = ['journalpath', 'journalfiles', 'journalflags', 'namespace', 'rotated'];

const unset: Sourced = { text: 'auto', origins: [{ file: '', line: 0 }] };

/** `auto` where the value is none of them: then there is an error among the findings. */
export function backendOf(values: JailValues): BackendConf {
  const source = values.option('backend')?.source;
  const named = values.evaluated('backend', 'ERR_CONFIG_BACKEND', () => parseNamedOptions(source ?? unset));
  if (source === undefined || named === null) return { name: 'auto', options: {} };
  const lower = named.name.toLowerCase();
  const name = backendNames.find((known) => known === lower);
  if (name === undefined) {
    const meant = nearest(lower, backendNames);
    const remedy = meant === null ? `use one of ${backendNames.join(', ')}` : `did you mean ${meant}?`;
    values.error('ERR_CONFIG_BACKEND', `the backend ${named.name} is unknown`, source, remedy);
  }
  for (const [option, value] of named.options) {
    if (name === 'systemd' && backendOptions.includes(option)) continue;
    const remedy = `the systemd backend takes ${backendOptions.join(', ')}`;
    values.mild('warning', 'ERR_CONFIG_OPTION', `the backend has no option '${option}'`, value, remedy);
  }
  const options = [...named.options].map(([option, value]) => [option, value.text]);
  return { name: name ?? 'auto', options: Object.fromEntries(options) };
}
