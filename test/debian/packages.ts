/** The packages under test, as `npm run package` left them, and one that is newer. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Packages } from './step.ts';

/** `shelf`: where the newer package is made. */
export function packagesIn(dist: string, shelf: string): Packages {
  const edgeban = found(dist, /^edgeban_.*_amd64\.deb$/);
  return { edgeban, companion: found(dist, /^edgeban-fail2ban_.*_all\.deb$/), newer: rebuilt(edgeban, shelf) };
}

function found(dist: string, name: RegExp): string {
  const [file, another] = readdirSync(dist).filter((entry) => name.test(entry));
  if (file === undefined || another !== undefined) throw new Error(`${dist}: not one package ${name}`);
  return join(dist, file);
}

/** The same once more, with a version that is higher. */
function rebuilt(file: string, shelf: string): string {
  const tree = join(shelf, 'newer');
  execFileSync('dpkg-deb', ['--raw-extract', file, tree]);
  const control = join(tree, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, '$&+next'));
  const newer = join(shelf, 'newer.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, newer], { stdio: 'ignore' });
  return newer;
}
