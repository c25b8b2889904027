/** `edgeban edge VERB` for the operator: which verb is which, and what its errors and Ctrl-C end with. */
import { EdgebanError } from '../../shared/errors.ts';
import type { OperatorPorts } from '../cli/ports.ts';
import type { Terminal } from '../cli/terminal.ts';
import { allowAddress, banAddress, unbanAddress } from './bans.ts';
import { runDoctor } from './doctor/doctor.ts';
import { listHosts, openToken, revokeHost } from './fleet.ts';
import { switchEdge } from './panic.ts';
import { rotate } from './rotate.ts';
import { setUp } from './setup/setup.ts';
import { tearDown } from './setup/teardown.ts';
import { type OperatorWorld, processWorld } from './world.ts';

type Verb = (argv: readonly string[], world: OperatorWorld) => Promise<number>;

const verbs: Readonly<Record<string, Verb>> = {
  setup: setUp,
  teardown: tearDown,
  doctor: runDoctor,
  rotate,
  token: openToken,
  hosts: listHosts,
  revoke: revokeHost,
  ban: banAddress,
  unban: unbanAddress,
  allow: allowAddress,
  panic: (argv, world) => switchEdge('panic', argv, world),
  resume: (argv, world) => switchEdge('resume', argv, world),
};

/** Null: it is no verb of the operator's. Throws EdgebanError. */
export async function runOperator(
  verb: string,
  argv: readonly string[],
  terminal: Terminal,
  ports: OperatorPorts,
): Promise<number | null> {
  const { world, end } = processWorld(terminal, ports.serverSettings);
  try {
    return await runVerb(verb, argv, world);
  } finally {
    end();
  }
}

/** The same in a world that is handed in. */
export async function runVerb(verb: string, argv: readonly string[], world: OperatorWorld): Promise<number | null> {
  const body = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (body === undefined) return null;
  try {
    return await body(argv, world);
  } catch (error) {
    if (!(error instanceof EdgebanError) || error.code !== 'ERR_INTERRUPTED' || !world.signal.aborted) throw error;
    world.terminal.err(error.message);
    return 130;
  }
}
