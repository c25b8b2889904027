/** What is wrong on this host at this moment. */
import { existsSync } from 'node:fs';
import type { Symptom } from '../../shared/incidents.ts';
import type { AgentControl, JailControl } from '../control/agent-control.ts';

const unreachable_s = 600;
const enforcement_s = 300;
const source_s = 600;

export function hostSymptoms(agent: AgentControl): Symptom[] {
  const jails = agent.jails().flatMap((name) => {
    const jail = agent.jail(name);
    return jail === null ? [] : jailSymptoms(name, jail);
  });
  return [...jails, ...edgeSymptoms(agent)];
}

function jailSymptoms(about: string, jail: JailControl): Symptom[] {
  const failing = jail.failing();
  const [first] = failing;
  const text = `${failing.length} not in force, such as ${first?.id ?? 'all'} by ${first?.action ?? ''} (${first?.code ?? ''})`;
  return [
    ...(failing.length === 0 ? [] : [{ kind: 'enforcement', about, text, hold_s: enforcement_s } as const]),
    ...(hasNothingToRead(jail)
      ? [{ kind: 'source', about, text: 'none of its log files is there', hold_s: source_s } as const]
      : []),
  ];
}

/** A journal is always there, and a jail without a filter reads nothing. */
function hasNothingToRead(jail: JailControl): boolean {
  const { backend, logpath, failregex } = jail.settings();
  if (jail.idle || backend.startsWith('systemd') || failregex.length === 0) return false;
  return !logpath.some((file) => existsSync(file));
}

function edgeSymptoms(agent: AgentControl): Symptom[] {
  const edge = agent.edge();
  if (edge === null || edge.feed !== 'down' || edge.trouble === null) return [];
  const text = `${edge.trouble}; ${edge.waiting} events wait`;
  return [{ kind: 'unreachable', about: '', text, hold_s: unreachable_s }];
}
