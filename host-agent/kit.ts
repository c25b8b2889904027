/** The real parts from which a configuration is tried and the daemon is built. */
import { EdgebanError } from '../shared/errors.ts';
import type { UnixTime } from '../shared/time.ts';
import type { Action } from './actions/action.ts';
import { createNft, type Nft } from './actions/nft.ts';
import { createNftables } from './actions/nftables.ts';
import type { SourceStart } from './agent/parts.ts';
import { type SourcePlan, sourceName } from './agent/plan.ts';
import { diskFiles } from './config-files.ts';
import type { ConfigurationPorts } from './configuration.ts';
import { createRe2 } from './re2.ts';
import { createFileSource } from './sources/file.ts';
import { createJournalSource } from './sources/journal.ts';
import type { Source, SourcePorts } from './sources/source.ts';

export interface ActionPorts {
  readonly nft: Nft;
  now(): UnixTime;
}

/** fail2ban's three names for bans in nftables. */
const nftablesFiles: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  nftables: {},
  'nftables-multiport': { type: 'multiport' },
  'nftables-allports': { type: 'allports' },
};

/** The action of a file in action.d. Throws ERR_CONFIG_UNSUPPORTED for one that edgeban cannot do. */
export function actionOf(file: string, parameters: Readonly<Record<string, string>>, ports: ActionPorts): Action {
  const preset = nftablesFiles[file];
  if (preset !== undefined) return createNftables({ ...parameters, ...preset }, ports);
  throw new EdgebanError('ERR_CONFIG_UNSUPPORTED', `the action ${file} is not supported`, {
    remedy: 'set banaction = nftables (or nftables[type=allports]), and leave other actions out',
  });
}

export function sourceOf(plan: SourcePlan, start: SourceStart, ports: SourcePorts): Source {
  const { since, timeOf } = start;
  const position = start.position ?? undefined;
  if (plan.kind === 'journal') {
    const id = sourceName(plan).slice('journal:'.length);
    return createJournalSource({ id, matches: plan.matches, options: plan.options, position, since }, ports);
  }
  const { path, tail, wake } = plan;
  return createFileSource({ path, position, tail, since, timeOf, backend: wake ? 'inotify' : 'poll' }, ports);
}

export function configurationPorts(): ConfigurationPorts {
  const now = () => Date.now() / 1000;
  // made once, and never run: an action touches nothing before it is reconciled
  const nft = createNft();
  return {
    files: diskFiles,
    re2: createRe2(),
    createAction: (file, parameters) => actionOf(file, parameters, { nft, now }),
    random: Math.random,
    now,
  };
}
