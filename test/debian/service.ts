/** What an administrator does with the service: a drop-in, a restart, a question; and what the kernel holds. */
import { strict as assert } from 'node:assert';
import { connect } from '../world/attacker.ts';
import { until } from '../world/wait.ts';
import { addresses, attackerAt, type Machine, run, sh, write } from './machine.ts';

export const configFolder = '/etc/edgeban';
const logFile = '/var/log/edgeban.log';

/** A drop-in that stands while `play` runs; the service has been restarted with it, and is again without it. */
export async function withDropIn<T>(machine: Machine, text: string, play: () => Promise<T>): Promise<T> {
  const file = `${configFolder}/jail.d/99-step.conf`;
  await write(machine, file, text);
  try {
    await restart(machine);
    return await play();
  } finally {
    await sh(machine, `rm ${file}`);
    await restart(machine);
  }
}

export function restart(machine: Machine): Promise<string> {
  // several restarts in a row are what a test does, not an administrator
  return sh(machine, 'systemctl reset-failed edgeban; systemctl restart edgeban');
}

/** Runs edgeban-client, and returns what it prints; it is an error if it fails. */
export function client(machine: Machine, words: string): Promise<string> {
  return sh(machine, `edgeban-client ${words}`);
}

/** The lines of edgeban's log that contain `text`. */
export async function logged(machine: Machine, text: string): Promise<string[]> {
  const { stdout } = await run(machine, `grep -F -- '${text}' ${logFile}`);
  return stdout.split('\n').filter((line) => line !== '');
}

/** The set of a jail in the kernel that holds the address; null where none does. */
export async function setOf(machine: Machine, address: string): Promise<string | null> {
  const { stdout } = await run(machine, 'nft list ruleset');
  const sets = [...stdout.matchAll(/set (addr6?-(?:set|net)-\S+) \{[^}]*elements = \{([^}]*)\}/g)];
  const word = new RegExp(`(^|[\\s,])${address.replaceAll('.', '\\.')}([\\s,]|$)`);
  return sets.find(([, , elements = '']) => word.test(elements))?.[1] ?? null;
}

/** Waits until the address is in a set, and returns the set's name. */
export function blocked(machine: Machine, address: string, within_ms = 60_000): Promise<string> {
  return until(`${address} in the kernel`, () => setOf(machine, address), { within_ms });
}

export function unblocked(machine: Machine, address: string): Promise<boolean> {
  return until(`${address} out of the kernel`, async () => (await setOf(machine, address)) === null);
}

/** What a connection from this address meets: `open`, `refused`, `timeout`. */
export async function knock(machine: Machine, source: string, port = 22): Promise<string> {
  const attacker = await attackerAt(machine, source);
  return await connect(attacker, source.includes(':') ? addresses.v6 : addresses.v4, port);
}

/** A ban by hand shuts the door of `port`, and an unban opens it. */
export async function banByHand(machine: Machine, jail: string, source: string, port: number): Promise<string> {
  assert.equal(await knock(machine, source, port), 'open', 'before the ban');
  assert.equal(await client(machine, `set ${jail} banip ${source}`), '1');
  const shut = await until('the door shut', async () => {
    const answer = await knock(machine, source, port);
    return answer !== 'open' && answer;
  });
  assert.equal(await client(machine, `set ${jail} unbanip ${source}`), '1');
  await until('the door open again', async () => (await knock(machine, source, port)) === 'open');
  return `${source} at port ${port}: open, after banip ${shut}, after unbanip open`;
}
