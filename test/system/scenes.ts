/** The scenes of the system tests by name: each needs namespaces of its own. */
import { badInput } from './bad-input.ts';
import { dashboardScene } from './dashboard.ts';
import { explainedEverywhere } from './explained.ts';
import { fleetCounts } from './fleet.ts';
import { hostDashboardScene } from './host-dashboard.ts';
import { bansSurviveRestart, countsSurviveKill, reloads } from './host-scenes.ts';
import { hostileScene } from './hostile-lines.ts';
import { enrolledLater, killed } from './kill.ts';
import { partitionScenes } from './partitions.ts';
import { proven } from './prove.ts';

export const scenes: ReadonlyMap<string, () => Promise<unknown>> = new Map([
  ['counts survive kill -9', countsSurviveKill],
  ['bans survive a restart', bansSurviveRestart],
  ['reload', reloads],
  ['bad input', badInput],
  ['hostile lines', hostileScene],
  ['enrolled later', enrolledLater],
  ['proven', proven],
  ['dashboard', dashboardScene],
  ['dashboard of one host', hostDashboardScene],
  ['explained', explainedEverywhere],
  ['the fleet counts', fleetCounts],
  ...partitionScenes,
  ['kill each part', () => killed(11)],
]);
