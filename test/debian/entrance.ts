/** How a program that boots Debian gets its images and namespaces from outside, and how it ends. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { forPeople, type Step as Played } from '../demo/screen.ts';
import { runInWorld } from '../world/enter.ts';
import { makeImage, type Release } from './image.ts';
import { clearShelf, makeShelf } from './machine.ts';

const alwaysNeeded = ['debootstrap', 'systemd-nspawn', 'ip', 'nsenter', 'dpkg-deb'];

/** Why it cannot be done here; null where it can. */
function obstacle(needed: readonly string[]): string | null {
  if (process.getuid?.() !== 0) return 'needs root, for systemd-nspawn';
  const missing = [...alwaysNeeded, ...needed].filter((program) => spawnSync('which', [program]).status !== 0);
  return missing.length === 0 ? null : `missing: ${missing.join(', ')}`;
}

/** Makes what needs the internet, then runs `program` again in namespaces of its own, with `--inside` and a folder for its machines. */
export async function enter(program: string, needed: readonly string[], releases: readonly Release[]): Promise<number> {
  const why = obstacle(needed);
  if (why !== null) {
    console.log(`skipped: ${why}\n0 passed, 0 failed, 1 skipped`);
    return 0;
  }
  for (const release of releases) {
    console.error(`image of Debian ${release} …`);
    await makeImage(release);
  }
  const shelf = makeShelf();
  const again = [process.execPath, fileURLToPath(program), ...process.argv.slice(2)];
  try {
    return await runInWorld([...again, '--inside', shelf]);
  } finally {
    await clearShelf(shelf);
  }
}

/** The first process of a namespace is deaf to the signals that it does not ask for. */
export function hearSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
}

/** Prints the count; returns the exit code. `started`: of performance.now(). */
export function close(played: readonly Played[], started: number): number {
  forPeople.close(played, performance.now() - started);
  const failed = played.filter(({ ok }) => !ok).length;
  console.log(`${played.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 ? 0 : 1;
}
