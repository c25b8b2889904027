/** The host's figures as Prometheus reads them and as one line for people. */
import { type Family, familiesText } from '../../shared/prometheus.ts';
import type { AgentControl, EdgeReport, JailControl, JailCounts } from '../control/agent-control.ts';

/** What the process itself uses. */
export interface ProcessFigures {
  readonly memory_bytes: number;
  readonly cpu_seconds: number;
  /** Unix seconds. */
  readonly started_at: number;
}

export function metricsText(agent: AgentControl, figures: ProcessFigures): string {
  const families = [...hostFamilies(agent.version, figures), ...jailFamilies(agent), ...edgeFamilies(agent.edge())];
  return familiesText(families);
}

/** For `systemctl status`. */
export function statusLine(agent: AgentControl): string {
  const jails = jailsOf(agent);
  const banned = jails.reduce((sum, [, jail]) => sum + jail.counts().currentlyBanned, 0);
  const failing = jails.reduce((sum, [, jail]) => sum + jail.failing().length, 0);
  const edge = agent.edge();
  return [
    `${jails.length} jail${jails.length === 1 ? '' : 's'}, ${banned} banned`,
    ...(failing === 0 ? [] : [`${failing} NOT in force`]),
    ...(edge === null ? [] : [`edge ${edge.feed}${edge.waiting === 0 ? '' : `, ${edge.waiting} events wait`}`]),
  ].join(', ');
}

function jailsOf(agent: AgentControl): (readonly [string, JailControl])[] {
  return agent.jails().flatMap((name) => {
    const jail = agent.jail(name);
    return jail === null ? [] : [[name, jail] as const];
  });
}

function hostFamilies(version: string, { memory_bytes, cpu_seconds, started_at }: ProcessFigures): Family[] {
  return [
    {
      name: 'edgeban_info',
      type: 'gauge',
      help: 'The version that runs',
      samples: [[1, { version }]],
    },
    plain('process_resident_memory_bytes', 'gauge', 'Memory in use', memory_bytes),
    plain('process_cpu_seconds_total', 'counter', 'Processor time', cpu_seconds),
    plain('process_start_time_seconds', 'gauge', 'When it was started, Unix time', started_at),
  ];
}

const counted: readonly (readonly [string, Family['type'], string, keyof JailCounts])[] = [
  ['edgeban_jail_failures_total', 'counter', 'Failures since the jail started', 'totalFailed'],
  ['edgeban_jail_failing', 'gauge', 'Ids with failures that are counted now', 'currentlyFailed'],
  ['edgeban_jail_bans_total', 'counter', 'Bans since the jail started, restored ones included', 'totalBanned'],
  ['edgeban_jail_banned', 'gauge', 'Bans in force', 'currentlyBanned'],
  ['edgeban_jail_given_up_lines_total', 'counter', 'Lines that took more than a line may', 'givenUp'],
];

function jailFamilies(agent: AgentControl): Family[] {
  const jails = jailsOf(agent).map(([jail, control]) => ({ jail, counts: control.counts(), control }));
  const families = counted.map(([name, type, help, key]): Family => {
    return { name, type, help, samples: jails.map(({ jail, counts }) => [counts[key], { jail }]) };
  });
  const failing = jails.map(({ jail, control }) => [control.failing().length, { jail }] as const);
  const help = 'Bans that the firewall or a command does not carry out; they are tried again';
  return [...families, { name: 'edgeban_jail_bans_not_in_force', type: 'gauge', help, samples: failing }];
}

function edgeFamilies(edge: EdgeReport | null): Family[] {
  if (edge === null) return [];
  const states = ['live', 'polling', 'down'] as const;
  const feed = states.map((state) => [Number(edge.feed === state), { state }] as const);
  return [
    { name: 'edgeban_edge_feed', type: 'gauge', help: "How the other hosts' bans arrive", samples: feed },
    plain('edgeban_edge_waiting_events', 'gauge', 'Events that the Worker has not taken in yet', edge.waiting),
    plain('edgeban_edge_trouble', 'gauge', 'The last exchange with the Worker failed', Number(edge.trouble !== null)),
    ...(edge.answeredAt === null
      ? []
      : [plain('edgeban_edge_answered_timestamp_seconds', 'gauge', 'When the Worker last answered', edge.answeredAt)]),
  ];
}

function plain(name: string, type: Family['type'], help: string, value: number): Family {
  return { name, type, help, samples: [[value]] };
}
