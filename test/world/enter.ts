/**
 * Runs a command in namespaces of its own (mounts, network, processes, and users where we are not root), so that it
 * cannot touch the machine's firewall and leaves nothing behind: `node test/world/enter.ts COMMAND [ARGUMENT…]`.
 * Where no namespaces can be had, it says why and runs the command without; what needs them is then skipped.
 */
import { spawn, spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';

/** Set inside; its value says what is true there. */
export const worldVariable = 'EDGEBAN_WORLD';

const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];

/** Inside: own /run, so that `ip netns`, sshd and journald find an empty one; loopback up. */
const prologue =
  'mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/netns /run/lock && ip link set lo up && exec "$@"';

/** PATH with the folders of system programs, which an ordinary user's lacks. */
export function systemPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);
}

/** The `unshare` options that work here, the best first; null with a reason where none does. */
export function unshareOptions(): { options: readonly string[] } | { reason: string } {
  const isRoot = process.getuid?.() === 0;
  // more than one user id is what sshd needs to give up its privileges: --map-auto takes them from /etc/subuid
  const ways = isRoot
    ? [[]]
    : [
        ['--user', '--map-root-user', '--map-auto'],
        ['--user', '--map-root-user'],
      ];
  let reason = 'unshare is missing (package util-linux)';
  for (const way of ways) {
    const options = [...way, ...namespaces];
    const probe = spawnSync('unshare', [...options, 'sh', '-c', prologue, 'sh', 'true'], {
      env: { ...process.env, PATH: systemPath() },
      encoding: 'utf8',
    });
    if (probe.status === 0) return { options };
    if (probe.stderr) reason = probe.stderr.trim().split('\n')[0] ?? reason;
  }
  return { reason };
}

/** Runs `command` inside and resolves to its exit code. */
export function runInWorld(command: readonly string[]): Promise<number> {
  const found = unshareOptions();
  const inside = 'options' in found;
  if (!inside) process.stderr.write(`no namespaces of our own here: ${found.reason}\n`);
  const [program = '', ...args] = inside
    ? ['unshare', ...found.options, 'sh', '-c', prologue, 'sh', ...command]
    : command;
  const env = { ...process.env, PATH: systemPath(), [worldVariable]: inside ? 'own' : 'none' };
  const child = spawn(program, args, { stdio: 'inherit', env });
  // an interrupt reaches the whole group; we wait for the inside to put things away
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

if (import.meta.main) process.exitCode = await runInWorld(process.argv.slice(2));
