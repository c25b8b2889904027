/** What the configuration has been found to be: told in the log, and what follows from it at a start and at a reload. */
import type { Finding } from '../../shared/config/finding.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { AgentPlan } from '../agent/parts.ts';
import type { Log } from '../log/log.ts';
import type { Configuration } from './configuration.ts';

/** At a start: what is broken is left out and told; a configuration that cannot be read at all is an error. */
export function usable(configuration: Configuration, log: Log): Configuration {
  tell(configuration.findings, log);
  const fatal = configuration.findings.find(({ severity, jail }) => severity === 'error' && jail === undefined);
  if (fatal !== undefined && configuration.plan.jails.length === 0) throw errorOf(fatal);
  return configuration;
}

export function tell(findings: readonly Finding[], log: Log): void {
  const told = log.logger('configreader');
  for (const finding of findings) {
    const text = `${finding.jail === undefined ? '' : `[${finding.jail}] `}${findingText(finding)}`;
    if (finding.severity === 'error') told.error(text);
    else if (finding.severity === 'warning') told.warning(text);
    else told.info(text);
  }
}

/** At a reload: an error anywhere leaves all as it is. */
export function strict(configuration: Configuration, log: Log): AgentPlan {
  tell(configuration.findings, log);
  const first = configuration.findings.find(({ severity }) => severity === 'error');
  if (first !== undefined) throw errorOf(first);
  return configuration.plan;
}

function findingText(finding: Finding): string {
  return `${describeError(errorOf(finding))} (${finding.code})`;
}

function errorOf({ code, message, file, line, remedy }: Finding): EdgebanError {
  return new EdgebanError(code, message, {
    ...(file === null ? {} : { file }),
    ...(line === null ? {} : { line }),
    ...(remedy === null ? {} : { remedy }),
  });
}
